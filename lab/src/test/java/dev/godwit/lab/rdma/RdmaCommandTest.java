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
import dev.godwit.transport.testkit.Seed;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the command line says where {@code rdma:} cannot do it: a sentence and an exit code. */
@Tag(Rdma.TAG)
final class RdmaCommandTest {
  private static final Seed SEED = Seed.of("RdmaCommandTest");

  /**
   * Becomes an ordinary user who may lock so little. That it may read all files is for where the
   * classes are; what counts for locked memory is another capability.
   */
  private static final List<String> ORDINARY_USER = ordinaryUser(64);

  /** Enough for the rings of two channels, and for no guest. */
  private static final List<String> USER_WITH_RINGS = ordinaryUser(6 << 10);

  private static List<String> ordinaryUser(int lockableKib) {
    return List.of(
        "setpriv",
        "--reuid=nobody",
        "--regid=nogroup",
        "--clear-groups",
        "--inh-caps=+dac_read_search",
        "--ambient-caps=+dac_read_search",
        "sh",
        "-c",
        "ulimit -l " + lockableKib + " && exec \"$@\"",
        "sh");
  }

  private static final String REMEDY = "raise the limit by 'ulimit -l unlimited'";

  @TempDir private Path directory;

  /** What is refused, by its name here. */
  enum Refusal {
    DIALLING_WITHOUT_LOCKABLE_MEMORY,
    LISTENING_WITHOUT_LOCKABLE_MEMORY,
    PINNING_AT_THE_SOURCE,
    PINNING_AT_THE_DESTINATION,
    NOBODY_THERE,
    NO_DEVICE_THERE
  }

  /** Three of them by chance, or all: each takes long on an emulated processor. */
  static Stream<Refusal> refusals() {
    List<Refusal> all = Arrays.asList(Refusal.values());
    Collections.shuffle(all, SEED.random());
    return all.stream().limit(Boolean.getBoolean("godwit.full") ? all.size() : 3);
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void isSaidInASentence(Refusal refusal) throws Exception {
    switch (refusal) {
      case DIALLING_WITHOUT_LOCKABLE_MEMORY ->
          anOrdinaryUserIsToldToRaiseTheLimitBeforeAnybodyIsConnectedTo();
      case LISTENING_WITHOUT_LOCKABLE_MEMORY -> anOrdinaryUserIsToldSoWhereItListensToo();
      case PINNING_AT_THE_SOURCE -> aLimitThatSufficesForRingsAloneIsNoneForAWholeGuest();
      case PINNING_AT_THE_DESTINATION -> aDestinationThatCannotRegisterTheGuestSaysSoToBoth();
      case NOBODY_THERE -> whoIsNotThereIsNamed();
      case NO_DEVICE_THERE -> anAddressOfNoDeviceCannotBeListenedAt();
    }
  }

  private void anOrdinaryUserIsToldToRaiseTheLimitBeforeAnybodyIsConnectedTo() throws Exception {
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

  private void anOrdinaryUserIsToldSoWhereItListensToo() throws Exception {
    try (GodwitProcess listens =
        GodwitProcess.start(
            ORDINARY_USER, "proxy", "rdma:" + Rdma.address() + ":0", "tcp:127.0.0.1:7")) {
      listens.expectExit(ExitCode.REFUSED.code());
      assertThat(listens.sentence())
          .startsWith("godwit proxy: This process may lock 65536 bytes of memory, and ")
          .contains(REMEDY);
    }
  }

  /** Nobody listens at that port, which whoever dialled it would say. */
  private void aLimitThatSufficesForRingsAloneIsNoneForAWholeGuest() throws Exception {
    Path image = directory.resolve("vm.img");
    save(image, 8 << 20);
    try (GodwitProcess dials =
        GodwitProcess.start(
            USER_WITH_RINGS,
            "send",
            "--image",
            image.toString(),
            "rdma:" + Rdma.address() + ":1?pin-all=on")) {
      dials.expectExit(ExitCode.REFUSED.code());
      assertThat(dials.sentence())
          .contains("This process may lock 6291456 bytes of memory", "regions of pin-all", REMEDY);
    }
  }

  /** Which memory it is to register it hears from the source, and by then they are connected. */
  private void aDestinationThatCannotRegisterTheGuestSaysSoToBoth() throws Exception {
    Path image = directory.resolve("vm.img");
    save(image, 8 << 20);
    Path target = Files.createDirectory(directory.resolve("target"));
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("rwxrwxrwx"));
    try (GodwitProcess receives =
        GodwitProcess.start(
            USER_WITH_RINGS,
            "receive",
            "--image",
            target.resolve("vm.img").toString(),
            "rdma:" + Rdma.address() + ":0?pin-all=on")) {
      try (GodwitProcess sends = send(image, receives.awaitListening().toString())) {
        receives.expectExit(ExitCode.FAILED.code());
        assertThat(receives.sentence()).contains("cannot be registered", REMEDY);
        assertThat(sends.awaitExit()).as(sends.log()).isNotZero();
        assertThat(sends.sentence()).contains("cannot be registered");
      }
    }
    assertThat(target).isEmptyDirectory();
  }

  private void whoIsNotThereIsNamed() throws Exception {
    Path image = directory.resolve("vm.img");
    save(image, 2 << 20);
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

  private void anAddressOfNoDeviceCannotBeListenedAt() throws Exception {
    try (GodwitProcess elsewhere =
        GodwitProcess.start("proxy", "rdma:192.0.2.1:0", "tcp:127.0.0.1:7")) {
      elsewhere.expectExit(ExitCode.REFUSED.code());
      assertThat(elsewhere.sentence()).contains("rdma:192.0.2.1:0 does not belong to this host");
    }
  }

  private static GodwitProcess send(Path image, String uri) throws Exception {
    return GodwitProcess.start("send", "--image", image.toString(), uri);
  }

  private static void save(Path file, int bytes) throws Exception {
    try (LabGuest guest = LabGuest.create(LabSpec.of(bytes, DirtyShape.IDLE, 0));
        Dialer dialer = Ends.TRANSPORTS.dialer(Endpoint.parse("file:" + file));
        SourceMigration source =
            new SourceMigration(guest, dialer, Ends.parameters(), DestinationKind.FILE)) {
      source.migrate();
      assertThat(source.state()).isEqualTo(SourceState.COMPLETED);
      assertThat(Files.size(file)).isPositive();
    }
  }
}
