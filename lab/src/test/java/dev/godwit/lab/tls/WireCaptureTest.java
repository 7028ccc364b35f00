package dev.godwit.lab.tls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.embedded.DirtyShape;
import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.migration.InProcess;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.DestinationState;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.migration.proxy.MigrationReport;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.tls.credentials.CredentialsType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What is on the wire below TLS: nothing of the guest's memory. Without TLS, the same look at the
 * same wire finds it, so it would be found.
 */
@Timeout(120)
final class WireCaptureTest {
  private static final Seed SEED = Seed.of("WireCaptureTest");
  private static final Transports TRANSPORTS = Transports.load();

  /** QEMU's main channel, or four more with the memory, from one proxy to the other. */
  @ParameterizedTest
  @CsvSource({"true, false", "true, true", "false, false", "false, true"})
  void aMigrationOfQemuShowsNoPage(boolean encrypted, boolean multifd) throws Exception {
    try (ScratchDirectory scratch = ScratchDirectory.make()) {
      Path directory = scratch.path();
      TwoHosts hosts = TwoHosts.make(directory);
      try (TwoQemus qemus =
          TwoQemus.start(directory, QemuVersion.V10_0, QemuVersion.V10_0, "pc-i440fx-10.0")) {
        List<String> settings = new ArrayList<>(List.of("return-path", "max-bandwidth=0"));
        if (multifd) {
          settings.addAll(List.of("multifd", "multifd-channels=4"));
        }
        qemus.apply(settings);
        String into = "unix:" + directory.resolve("in.sock");
        qemus.destinationMonitor().migrateIncoming(into, TwoQemus.soon());
        Endpoint listen =
            encrypted
                ? hosts.waiting("tcp:127.0.0.1:0", CredentialsType.X509)
                : Endpoint.parse("tcp:127.0.0.1:0");
        Path tap = directory.resolve("tap");
        try (InProcess far = new InProcess(TRANSPORTS, listen.toString(), into);
            InProcess near =
                new InProcess(
                    TRANSPORTS,
                    "unix:" + directory.resolve("out.sock"),
                    tapped(far.local(), hosts, encrypted, CredentialsType.X509, tap).toString())) {
          qemus.sourceMonitor().migrate(near.local().toString(), TwoQemus.soon());
          assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.COMPLETED);
          assertThat(qemus.awaitDestination().state()).isEqualTo(MigrationState.COMPLETED);
          MigrationReport report = near.report();
          assertThat(report.outcome()).isEqualTo(MigrationReport.Outcome.COMPLETED);
          assertThat(report.channels()).hasSize(multifd ? 5 : 1);
          assertThat(KnownPattern.bytesIn(tap)).isGreaterThan(report.forwardBytes());
        }
        expect(encrypted, ofQemu(qemus), tap);
      }
    }
  }

  /** What lies above the guest's working set is random, and stays as it is. */
  private static KnownPattern ofQemu(TwoQemus qemus) throws Exception {
    try (FileChannel file = FileChannel.open(qemus.memory(qemus.source(), "source.ram"))) {
      int from = 8 << 20;
      ByteBuffer memory = file.map(FileChannel.MapMode.READ_ONLY, from, file.size() - from);
      return KnownPattern.of(memory, 0, SEED.random());
    }
  }

  /** The engine at both ends, with four channels: what it is sent, it is at the other end. */
  @ParameterizedTest
  @CsvSource({"true, X509", "true, PSK", "true, ANON", "false, X509"})
  void aMigrationOfTheEngineShowsNoPage(boolean encrypted, CredentialsType type) throws Exception {
    LabSpec spec = LabSpec.of(16 << 20, DirtyShape.UNIFORM, 2_000).withSeed(SEED.value());
    EngineParameters parameters =
        EngineParameters.defaults()
            .with(Map.of("max-bandwidth", "0", "downtime-limit", "2000"))
            .with(Map.of("multifd", "on", "multifd-channels", "4"));
    try (ScratchDirectory scratch = ScratchDirectory.make();
        LabGuest from = LabGuest.create(spec);
        LabGuest to = LabGuest.empty(spec)) {
      TwoHosts hosts = TwoHosts.make(scratch.path());
      Path tap = scratch.path().resolve("tap");
      from.resume();
      Await.until("the guest runs", () -> from.clock().ticks() > 10);
      Endpoint listen =
          encrypted ? hosts.waiting("tcp:127.0.0.1:0", type) : Endpoint.parse("tcp:127.0.0.1:0");
      try (Listener listener = TRANSPORTS.listen(listen);
          DestinationMigration destination = new DestinationMigration(to, listener, parameters);
          Dialer dialer = TRANSPORTS.dialer(tapped(listener.local(), hosts, encrypted, type, tap));
          SourceMigration source =
              new SourceMigration(from, dialer, parameters, DestinationKind.GODWIT)) {
        destination.start();
        source.migrate();
        destination.await();
        assertThat(source.state()).isEqualTo(SourceState.COMPLETED);
        assertThat(destination.state()).isEqualTo(DestinationState.COMPLETED);
        assertThat(source.statistics().channelBytes()).hasSize(5);
        assertThat(KnownPattern.bytesIn(tap)).isGreaterThan(source.statistics().ramBytes() / 2);
      }
      assertThat(from.isRunning()).isFalse();
      long before = to.clock().ticks();
      Await.until("the guest runs on", () -> to.clock().ticks() > before + 10);
      to.pause();
      assertThat(to.verify().isSound()).as(to.verify().toString()).isTrue();
      ByteBuffer memory = from.ramBlocks().getFirst().memory().asByteBuffer();
      expect(encrypted, KnownPattern.of(memory, 64, SEED.random()), tap);
    }
  }

  /** The tap stands last, so it is next to the wire. */
  private static Endpoint tapped(
      Endpoint listening, TwoHosts hosts, boolean encrypted, CredentialsType type, Path tap) {
    String uri = "tcp:" + listening.address();
    Endpoint target = encrypted ? hosts.dialling(uri, type) : Endpoint.parse(uri);
    return target.with(target.settings().with("tap", tap.toString()));
  }

  private static void expect(boolean encrypted, KnownPattern pattern, Path tap) throws IOException {
    assertThat(pattern.words()).hasSizeGreaterThan(100);
    int seen = pattern.seenIn(tap);
    if (encrypted) {
      assertThat(seen).isZero();
    } else {
      assertThat(seen).isGreaterThan(pattern.words().size() * 9 / 10);
    }
  }
}
