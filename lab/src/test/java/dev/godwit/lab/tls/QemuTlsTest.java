package dev.godwit.lab.tls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.image.ChannelAccount;
import dev.godwit.channel.image.ImageLayout;
import dev.godwit.channel.image.ImageReceiver;
import dev.godwit.channel.image.LaneOpener;
import dev.godwit.channel.multifd.Dialect;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.lab.stream.QemuGuest;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.migration.image.ImageReport;
import dev.godwit.migration.image.ImageTransfer;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.tls.credentials.CredentialsType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A guest goes from a real QEMU to Godwit and from Godwit to a real QEMU, both times in the TLS of
 * QEMU itself, and has all its memory.
 */
@Timeout(120)
final class QemuTlsTest {
  private static final Seed SEED = Seed.of("QemuTlsTest");
  private static final Transports TRANSPORTS = Transports.load();
  private static final int CHANNELS = 4;
  private static final BootSector GUEST =
      BootSector.of(TwoQemus.MEMORY_MIB, 4).filled(BootSector.Fill.RANDOM);

  /** What Godwit does with the guest between the two QEMUs. */
  enum Between {
    IMAGE,
    ENGINE
  }

  /** One way of a guest. */
  record Cell(QemuVersion version, CredentialsType type, boolean multifd, Between between) {
    /** Each two of its values but that of version and type, of which both always matter. */
    List<String> pairs() {
      return List.of(
          version + " " + type,
          version + " " + multifd,
          version + " " + between,
          type + " " + multifd,
          type + " " + between,
          multifd + " " + between);
    }

    /** Each version's own machine, so that 10.0 wants multifd channels to end with notify. */
    String machineType() {
      return "pc-i440fx-" + version.number();
    }

    @Override
    public String toString() {
      return version.number() + ", " + type + (multifd ? ", multifd, " : ", single, ") + between;
    }
  }

  static Stream<Cell> cells() {
    List<Cell> cells = new ArrayList<>();
    for (QemuVersion version : QemuVersion.values()) {
      for (CredentialsType type : CredentialsType.values()) {
        for (Between between : Between.values()) {
          cells.add(new Cell(version, type, false, between));
          cells.add(new Cell(version, type, true, between));
        }
      }
    }
    if (Boolean.getBoolean("godwit.full")) {
      return cells.stream();
    }
    Collections.shuffle(cells, SEED.random());
    Set<String> seen = new HashSet<>();
    List<Cell> chosen = new ArrayList<>();
    while (true) {
      Cell best = Collections.max(cells, Comparator.comparingLong(cell -> gain(cell, seen)));
      if (gain(best, seen) == 0) {
        return chosen.stream();
      }
      seen.addAll(best.pairs());
      cells.remove(best);
      chosen.add(best);
    }
  }

  private static long gain(Cell cell, Set<String> seen) {
    return cell.pairs().stream().filter(pair -> !seen.contains(pair)).count();
  }

  @ParameterizedTest
  @MethodSource("cells")
  void aGuestGoesFromQemuThroughGodwitToQemu(Cell cell) throws Exception {
    QemuMachine machine = QemuMachine.of(GUEST).ofType(cell.machineType());
    try (ScratchDirectory scratch = ScratchDirectory.make()) {
      Path directory = scratch.path();
      TwoHosts hosts = TwoHosts.make(directory);
      try (TwoQemus qemus =
          TwoQemus.start(
              directory,
              cell.version(),
              hosts.client(machine, cell.type()),
              cell.version(),
              hosts.server(machine, cell.type()))) {
        move(cell, hosts, qemus, directory);
      }
    }
  }

  private static void move(Cell cell, TwoHosts hosts, TwoQemus qemus, Path directory)
      throws Exception {
    qemus.sourceMonitor().stop(TwoQemus.soon());
    try {
      switch (cell.between()) {
        case IMAGE -> throughImage(cell, hosts, qemus, directory);
        case ENGINE -> throughEngine(cell, hosts, qemus, directory);
      }
    } catch (AssertionError | Exception e) {
      e.addSuppressed(new AssertionError(qemus.outputs()));
      throw e;
    }
    qemus.expectEqualMemory();
    try (var monitor = TwoQemus.again(qemus.destination())) {
      monitor.cont(TwoQemus.soon());
    }
    qemus.expectGuestIntact();
  }

  private static List<String> settings(Cell cell) {
    List<String> settings =
        new ArrayList<>(List.of("return-path", "max-bandwidth=0", "tls-creds=" + TwoHosts.ID));
    if (cell.multifd()) {
      settings.addAll(List.of("multifd", "multifd-channels=" + CHANNELS));
    }
    return settings;
  }

  private static void throughImage(Cell cell, TwoHosts hosts, TwoQemus qemus, Path directory)
      throws Exception {
    qemus.apply(settings(cell));
    Path file = directory.resolve("vm.img");
    CompletableFuture<Endpoint> listening = new CompletableFuture<>();
    ImageTransfer save = new ImageTransfer(TRANSPORTS, limits(cell));
    Task<ImageReport> saving =
        Task.start(
            "save",
            () ->
                save.save(
                    hosts.waiting("tls:127.0.0.1:0", cell.type()),
                    file,
                    ImageLayout.STREAM,
                    listening::complete));
    migrate(qemus, listening.get(20, TimeUnit.SECONDS));
    ImageReport saved = saving.result();
    assertThat(saved.outcome()).as("%s", saved).isEqualTo(ImageReport.Outcome.COMPLETED);
    expectPeers(cell, saved.received(), "hosta");

    Endpoint into = wait(qemus, directory);
    ImageTransfer restore = new ImageTransfer(TRANSPORTS, limits(cell));
    ImageReport restored =
        restore.restore(file, hosts.dialling(into.toString(), cell.type()), Optional.empty());
    assertThat(restored.outcome()).as("%s", restored).isEqualTo(ImageReport.Outcome.COMPLETED);
    expectPeers(cell, restored.sent(), "hostb");
    assertThat(qemus.awaitDestination().state()).isEqualTo(MigrationState.COMPLETED);
  }

  private static void throughEngine(Cell cell, TwoHosts hosts, TwoQemus qemus, Path directory)
      throws Exception {
    EngineParameters parameters =
        EngineParameters.defaults()
            .with(Map.of("max-bandwidth", "0"))
            .with(
                cell.multifd()
                    ? Map.of("multifd", "on", "multifd-channels", Integer.toString(CHANNELS))
                    : Map.of());
    try (QemuGuest guest = like(qemus, directory)) {
      qemus.apply(settings(cell));
      try (Listener listener = TRANSPORTS.listen(hosts.waiting("tls:127.0.0.1:0", cell.type()));
          DestinationMigration in = new DestinationMigration(guest, listener, parameters)) {
        in.start();
        migrate(qemus, listener.local());
        in.await();
      }
      assertThat(guest.isRunning()).isFalse();
      Endpoint into = wait(qemus, directory);
      try (Dialer dialer = TRANSPORTS.dialer(hosts.dialling(into.toString(), cell.type()));
          SourceMigration out =
              new SourceMigration(guest, dialer, parameters, DestinationKind.QEMU)) {
        out.migrate();
        assertThat(out.state()).isEqualTo(SourceState.COMPLETED);
      }
      assertThat(qemus.awaitDestination().state()).isEqualTo(MigrationState.COMPLETED);
    }
  }

  private static void migrate(TwoQemus qemus, Endpoint listening) throws Exception {
    qemus.sourceMonitor().migrate(TwoHosts.forQemu(listening), TwoQemus.soon());
    assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.COMPLETED);
  }

  /** Where the destination waits from now on. */
  private static Endpoint wait(TwoQemus qemus, Path directory) throws Exception {
    Endpoint into = Endpoint.parse("unix:" + directory.resolve("in.sock"));
    qemus.destinationMonitor().migrateIncoming(into.toString(), TwoQemus.soon());
    return into;
  }

  private static ImageTransfer.Limits limits(Cell cell) {
    return new ImageTransfer.Limits(
        1L << 30,
        cell.multifd()
            ? Optional.of(MultifdSettings.of(Dialect.V10_0, CHANNELS).withAnyGuest())
            : Optional.empty(),
        true,
        false);
  }

  private static void expectPeers(Cell cell, Map<String, ChannelAccount> channels, String host) {
    assertThat(channels).hasSize(cell.multifd() ? 1 + CHANNELS : 1);
    Collection<PeerIdentity> peers =
        channels.values().stream().map(ChannelAccount::peer).distinct().toList();
    assertThat(peers).hasSize(1);
    PeerIdentity peer = peers.iterator().next();
    switch (cell.type()) {
      case X509 -> assertThat(peer.toString()).startsWith("x509 ").contains("CN=" + host);
      case PSK -> assertThat(peer).isEqualTo(new PeerIdentity.Named("psk", TwoHosts.USER));
      // Nobody has proven anything.
      case ANON -> assertThat(peer).isNotInstanceOf(PeerIdentity.Named.class);
    }
  }

  /** A guest that is laid out as that of the source, which saves it to show how that is. */
  private static QemuGuest like(TwoQemus qemus, Path directory) throws Exception {
    Path file = directory.resolve("layout.img");
    qemus.sourceMonitor().migrate("exec:cat > " + file, TwoQemus.soon());
    assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.COMPLETED);
    qemus.sourceMonitor().cont(TwoQemus.soon());
    qemus.sourceMonitor().stop(TwoQemus.soon());
    try (Listener listener = TRANSPORTS.listen(Endpoint.parse("file:" + file));
        ImageReceiver receiver =
            new ImageReceiver(
                listener,
                new ImageReceiver.Options(1L << 30, Optional.empty(), LaneOpener.none()))) {
      return new QemuGuest(receiver.receive());
    }
  }
}
