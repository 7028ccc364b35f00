package dev.godwit.lab.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.embedded.DirtyShape;
import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.lab.migration.InProcess;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.migration.proxy.MigrationReport;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import java.nio.file.Path;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The handover of the engine passes two proxies, which call the migration a success. */
@Timeout(60)
final class EngineThroughProxiesTest {
  private static final LabSpec SPEC = LabSpec.of(8 << 20, DirtyShape.HOT_SET, 1_000);

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"multifd=off", "multifd=on"})
  void theGuestPassesTwoProxies(String multifd) throws Exception {
    EngineParameters parameters = Ends.parameters(multifd);
    try (LabGuest from = LabGuest.create(SPEC);
        LabGuest to = LabGuest.empty(SPEC);
        Listener listener =
            Ends.TRANSPORTS.listen(Endpoint.parse("unix:" + directory.resolve("d.sock")));
        InProcess there =
            new InProcess(Ends.TRANSPORTS, "tcp:127.0.0.1:0", listener.local().toString());
        InProcess here =
            new InProcess(
                Ends.TRANSPORTS, "unix:" + directory.resolve("s.sock"), there.local().toString());
        Dialer dialer = Ends.TRANSPORTS.dialer(here.local())) {
      from.resume();
      ComparedGuest compared = new ComparedGuest(from, to);
      try (Ends ends = Ends.of(from, compared, listener, dialer, false, parameters, parameters)) {
        ends.migrate();
        assertThat(ends.source().state()).isEqualTo(SourceState.COMPLETED);
      }
      assertThat(compared.isCompared()).isTrue();
      for (InProcess proxy : new InProcess[] {here, there}) {
        MigrationReport report = proxy.report();
        assertThat(report.outcome())
            .as(report.toString())
            .isEqualTo(MigrationReport.Outcome.COMPLETED);
      }
      to.pause();
      assertThat(to.verify().isSound()).as(to.verify().toString()).isTrue();
    }
  }
}
