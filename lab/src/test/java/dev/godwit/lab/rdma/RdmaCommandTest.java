package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.cli.GodwitProcess;
import dev.godwit.lab.embedded.DirtyShape;
import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.lab.engine.Ends;
import dev.godwit.migration.cli.ExitCode;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the command line says where {@code rdma:} cannot do it: a sentence and an exit code. */
@Tag(Rdma.TAG)
final class RdmaCommandTest {
  /**
   * Becomes an ordinary user who may lock 64 KiB. That it may read all files is for where the
   * classes are; what counts for locked memory is another capability.
   */
  private static final List<String> ORDINARY_USER =
      List.of(
          "setpriv",
          "--reuid=nobody",
          "--regid=nogroup",
          "--clear-groups",
          "--inh-caps=+dac_read_search",
          "--ambient-caps=+dac_read_search",
          "sh",
          "-c",
          "ulimit -l 64 && exec \"$@\"",
          "sh");

  private static final String REMEDY = "raise the limit by 'ulimit -l unlimited'";

  @TempDir private Path directory;

  @Test
  void anOrdinaryUserIsToldToRaiseTheLimitBeforeAnybodyIsConnectedTo() throws Exception {
    try (GodwitProcess dials =
        GodwitProcess.start(
            ORDINARY_USER,
            "proxy",
            "unix:" + directory.resolve("in.sock"),
            "rdma:" + Rdma.address() + ":7")) {
      dials.expectExit(ExitCode.REFUSED.code());
      assertThat(dials.sentence())
          .startsWith("godwit proxy: This process may lock 65536 bytes of memory, and ")
          .contains(REMEDY);
      assertThat(directory.resolve("in.sock")).doesNotExist();
    }
  }

  @Test
  void whoIsNotThereIsNamed() throws Exception {
    Path image = directory.resolve("vm.img");
    save(image);
    String here = Rdma.address();
    String nobody = "rdma:" + here + ":1";
    String nowhere = "rdma:" + here.replaceFirst("\\d+$", "99") + ":7700";
    try (GodwitProcess refused = send(image, nobody);
        GodwitProcess unreachable = send(image, nowhere)) {
      refused.expectExit(ExitCode.REFUSED.code());
      assertThat(refused.sentence()).contains("Nobody listens at " + nobody);
      unreachable.expectExit(ExitCode.TIMED_OUT.code());
      assertThat(unreachable.sentence()).contains(nowhere + " did not answer in time");
    }
  }

  @Test
  void anAddressOfNoDeviceCannotBeListenedAt() throws Exception {
    try (GodwitProcess elsewhere =
        GodwitProcess.start("proxy", "rdma:192.0.2.1:0", "tcp:127.0.0.1:7")) {
      elsewhere.expectExit(ExitCode.REFUSED.code());
      assertThat(elsewhere.sentence()).contains("rdma:192.0.2.1:0 does not belong to this host");
    }
  }

  private static GodwitProcess send(Path image, String uri) throws Exception {
    return GodwitProcess.start("send", "--image", image.toString(), uri);
  }

  private static void save(Path file) throws Exception {
    try (LabGuest guest = LabGuest.create(LabSpec.of(2 << 20, DirtyShape.IDLE, 0));
        Dialer dialer = Ends.TRANSPORTS.dialer(Endpoint.parse("file:" + file));
        SourceMigration source =
            new SourceMigration(guest, dialer, Ends.parameters(), DestinationKind.FILE)) {
      source.migrate();
      assertThat(source.state()).isEqualTo(SourceState.COMPLETED);
      assertThat(Files.size(file)).isPositive();
    }
  }
}
