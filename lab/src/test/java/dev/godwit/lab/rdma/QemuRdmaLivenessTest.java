package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.image.ImageLayout;
import dev.godwit.lab.engine.Ends;
import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.migration.image.ImageReport;
import dev.godwit.migration.image.ImageTransfer;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.transport.Channel;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A real QEMU that says nothing for long is not taken for gone: its device answers probes. */
@Tag(Rdma.TAG)
final class QemuRdmaLivenessTest {
  private static final int MEMORY_MIB = 16;
  private static final int PORT = 7473;
  private static final long PATIENCE_SECONDS = 120;

  /** Long enough for an emulated processor to answer within three of them. */
  private static final String LIVENESS = "liveness=1s";

  /** After half of it a peer would be lost. */
  private static final Duration LONG = Duration.ofSeconds(6);

  private static final byte[] MAGIC = {'Q', 'E', 'V', 'M'};

  @TempDir private Path directory;

  /** One by chance, or all. */
  static Stream<QemuVersion> versions() {
    QemuVersion[] all = QemuVersion.values();
    return Boolean.getBoolean("godwit.full")
        ? Stream.of(all)
        : Stream.of(all[Seed.of("QemuRdmaLivenessTest").random().nextInt(all.length)]);
  }

  private TwoQemus start(QemuVersion version) throws Exception {
    BootSector guest = BootSector.of(MEMORY_MIB, 1).dirtying(2).ticking(20);
    QemuMachine machine = QemuMachine.of(guest).ofType("pc-i440fx-" + version.number());
    Path files = Files.createDirectories(directory.resolve("q"));
    return TwoQemus.start(files, version, machine, version, machine);
  }

  /** Nothing is waited for but that time goes by, in which something would have to break. */
  private static void idle() {
    Deadline deadline = Deadline.after(LONG);
    Await.until("it has been quiet for long", deadline::hasPassed);
  }

  private static Channel dial(Dialer dialer) throws Exception {
    return dialer.dial(Deadline.after(Await.LIMIT));
  }

  @ParameterizedTest
  @MethodSource("versions")
  void aSourceThatWaitsBeforeItsSwitchoverIsNotGone(QemuVersion version) throws Exception {
    Path file = directory.resolve("vm.img");
    try (TwoQemus qemus = start(version)) {
      qemus.apply(List.of("max-bandwidth=0", "pause-before-switchover"));
      ImageTransfer transfer =
          new ImageTransfer(
              Ends.TRANSPORTS, new ImageTransfer.Limits(1L << 30, Optional.empty(), false, false));
      CompletableFuture<Endpoint> listening = new CompletableFuture<>();
      Task<ImageReport> saving =
          Task.start(
              "save",
              () ->
                  transfer.save(
                      Endpoint.parse(Rdma.uri(LIVENESS)),
                      file,
                      ImageLayout.STREAM,
                      listening::complete));
      Endpoint here = listening.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      qemus.sourceMonitor().migrate("rdma:" + here.address(), TwoQemus.soon());
      MigrationStatus waiting =
          qemus
              .sourceMonitor()
              .awaitMigration(
                  s -> s.state() == MigrationState.PRE_SWITCHOVER || s.state().isFinal(),
                  TwoQemus.PATIENCE,
                  Deadline.after(TwoQemus.PATIENCE));
      assertThat(waiting.state()).isEqualTo(MigrationState.PRE_SWITCHOVER);
      idle();
      assertThat(saving.isDone()).isFalse();
      qemus.sourceMonitor().continueFromPreSwitchover(TwoQemus.soon());
      ImageReport saved = saving.result();
      assertThat(saved.outcome()).as("%s", saved).isEqualTo(ImageReport.Outcome.COMPLETED);
      assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.COMPLETED);
    }
  }

  /** The process stands still, as one does that takes long; its device does not. */
  @ParameterizedTest
  @MethodSource("versions")
  void aDestinationThatStandsStillIsNotGone(QemuVersion version) throws Exception {
    try (TwoQemus qemus = start(version)) {
      String target = "rdma:" + Rdma.address() + ":" + PORT;
      qemus.destinationMonitor().migrateIncoming(target, TwoQemus.soon());
      try (Dialer dialer = Ends.TRANSPORTS.dialer(Endpoint.parse(target + "?" + LIVENESS))) {
        Channel channel = dial(dialer);
        signal(qemus, "STOP");
        Task<Boolean> writing =
            Task.start(
                "write",
                () -> {
                  // It may have wanted the first of them before it was stopped.
                  Io.send(channel, MAGIC);
                  channel.flush();
                  Io.send(channel, new byte[] {0});
                  channel.flush();
                  return true;
                });
        idle();
        assertThat(writing.isDone()).isFalse();
        signal(qemus, "CONT");
        assertThat(writing.result()).isTrue();
        channel.abort(new IllegalStateException("The test is over"));
        channel.close();
      }
    }
  }

  private static void signal(TwoQemus qemus, String what) throws Exception {
    Process kill =
        new ProcessBuilder("kill", "-" + what, Long.toString(qemus.destination().pid()))
            .inheritIO()
            .start();
    assertThat(kill.waitFor()).isZero();
  }

  @ParameterizedTest
  @MethodSource("versions")
  void aReturnPathThatIsSilentIsNotGone(QemuVersion version) throws Exception {
    try (TwoQemus qemus = start(version)) {
      qemus.apply(List.of(version.number().startsWith("7") ? "postcopy-ram" : "return-path"));
      fromASource(qemus);
      intoADestination(qemus);
    }
  }

  private static void fromASource(TwoQemus qemus) throws Exception {
    try (Listener listener =
        Ends.TRANSPORTS.listen(Endpoint.parse(Rdma.uri("return-path=on&" + LIVENESS)))) {
      Task<Channel> accepting =
          Task.start("accept", () -> listener.accept(Deadline.after(Await.LIMIT)));
      qemus.sourceMonitor().migrate("rdma:" + listener.local().address(), TwoQemus.soon());
      Channel channel = accepting.result();
      idle();
      assertThat(Io.receive(channel, MAGIC.length)).isEqualTo(MAGIC);
      channel.abort(new IllegalStateException("The test is over"));
      channel.close();
      assertThat(qemus.awaitSource().state()).isEqualTo(MigrationState.FAILED);
      qemus.expectRunningAtSource();
    }
  }

  private static void intoADestination(TwoQemus qemus) throws Exception {
    String target = "rdma:" + Rdma.address() + ":" + (PORT + 1);
    qemus.destinationMonitor().migrateIncoming(target, TwoQemus.soon());
    Endpoint to = Endpoint.parse(target + "?return-path=on&" + LIVENESS);
    try (Dialer dialer = Ends.TRANSPORTS.dialer(to)) {
      Channel channel = dial(dialer);
      Task<Integer> reading = Task.start("read", () -> channel.read(ByteBuffer.allocate(1)));
      idle();
      assertThat(reading.isDone()).isFalse();
      Io.send(channel, MAGIC);
      channel.flush();
      channel.abort(new IllegalStateException("The test is over"));
      assertThat(reading.failure()).isNotNull();
      channel.close();
    }
  }
}
