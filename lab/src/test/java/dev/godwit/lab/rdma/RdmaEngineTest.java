package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.embedded.DirtyShape;
import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.lab.engine.ComparedGuest;
import dev.godwit.lab.engine.Ends;
import dev.godwit.lab.engine.WrappingDialer;
import dev.godwit.lab.engine.WrappingListener;
import dev.godwit.migration.engine.DestinationState;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.MigrationStatistics;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Placement;
import dev.godwit.transport.rdma.RdmaStatistics;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The engine moves a running lab guest over {@code rdma:}: from the guest's own memory into the
 * guest's own memory, byte for byte the same, with whole regions registered or parts on demand.
 */
@Tag(Rdma.TAG)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class RdmaEngineTest {
  private static final Seed SEED = Seed.of("RdmaEngineTest");
  private static final boolean FULL = Boolean.getBoolean("godwit.full");
  private static final long RAM_BYTES = 8 << 20;
  private static final long HUGE_BYTES = 4 << 20;

  /** Enough to make further passes, little enough to converge on an emulated processor. */
  private static final long WRITES_PER_SECOND = 300;

  /** What the main channel has for copies of 256 pages. */
  private static final long STAGE_BYTES = 1 << 20;

  /** Records of pages, devices and the protocol's own, to a byte of memory. */
  private static final int LEAST_PUT_TO_A_WRITTEN_BYTE = 20;

  /** Where threads are dumped to, while there are tests. */
  private @Nullable Path scratch;

  /** Taken once the first migration has made what the process keeps. */
  private @Nullable Leaks leaks;

  /**
   * One migration.
   *
   * @param channels of multifd, 0 without it
   */
  record Cell(boolean pinAll, int channels) {
    String uri() {
      return Rdma.uri("pin-all=" + (pinAll ? "on" : "off"));
    }

    EngineParameters parameters() {
      return channels == 0
          ? Ends.parameters("downtime-limit=10000")
          : Ends.parameters("downtime-limit=10000", "multifd", "multifd-channels=" + channels);
    }

    @Override
    public String toString() {
      return (pinAll ? "pin-all" : "on demand") + (channels == 0 ? "" : ", multifd " + channels);
    }
  }

  @BeforeAll
  void keep(@TempDir Path directory) {
    scratch = directory;
  }

  static Stream<Cell> cells() {
    IntStream counts = FULL ? IntStream.of(0, 1, 2, 4, 8, 16) : IntStream.of(0, 1, 2, 4);
    return counts.boxed().flatMap(n -> Stream.of(new Cell(true, n), new Cell(false, n)));
  }

  @ParameterizedTest
  @MethodSource("cells")
  void pagesGoFromGuestMemoryIntoGuestMemory(Cell cell) throws Exception {
    LabSpec spec =
        LabSpec.of(RAM_BYTES, DirtyShape.HOT_SET, WRITES_PER_SECOND)
            .withHuge(HUGE_BYTES)
            .withSeed(SEED.value());
    EngineParameters parameters = cell.parameters();
    Placements out = new Placements();
    Placements in = new Placements();
    try (LabGuest from = LabGuest.create(spec);
        LabGuest to = LabGuest.empty(spec);
        Listener listener = Ends.TRANSPORTS.listen(Endpoint.parse(cell.uri()));
        Dialer dialer = Ends.TRANSPORTS.dialer(listener.local())) {
      from.resume();
      Await.until("the guest runs", () -> from.clock().ticks() > 3);
      ComparedGuest compared = new ComparedGuest(from, to);
      try (Ends ends =
          Ends.of(
              from,
              compared,
              new WrappingListener(listener, in.wrapping()),
              new WrappingDialer(dialer, out.wrapping()),
              false,
              parameters,
              parameters)) {
        ends.migrate();
        assertThat(ends.source().state()).isEqualTo(SourceState.COMPLETED);
        assertThat(ends.destination().state()).isEqualTo(DestinationState.COMPLETED);
        assertThat(compared.isCompared()).isTrue();
        requirePlaced(cell, out, in, ends.source().statistics());
        assertThat(out.sources()).as("memory put from").isEqualTo(Placements.of(from));
        assertThat(in.targets()).as("memory got into").isEqualTo(Placements.of(to));
      }
      requireRegistered(cell, spec, dialer.peer(), STAGE_BYTES);
      requireRegistered(cell, spec, in.channels().getFirst().info().peer(), 0);
      requireItRunsOn(to);
    }
    if (leaks == null) {
      leaks = Leaks.baseline(Objects.requireNonNull(scratch));
    }
    leaks.awaitNone();
  }

  /** Every byte of every page was placed, and next to nothing else was sent. */
  private static void requirePlaced(
      Cell cell, Placements out, Placements in, MigrationStatistics source) {
    assertThat(out.channels()).hasSize(1 + cell.channels()).hasSameSizeAs(in.channels());
    assertThat(out.channels())
        .extracting(channel -> channel.info().capabilities().placement())
        .containsOnly(Placement.RECORDED);
    long put = out.sum(ChannelStats::bytesPut);
    assertThat(put).isEqualTo(source.normalBytes()).isPositive();
    assertThat(in.sum(ChannelStats::bytesGot)).isEqualTo(put);
    long written = out.sum(ChannelStats::bytesWritten);
    assertThat(written).isPositive().isLessThan(put / LEAST_PUT_TO_A_WRITTEN_BYTE);
    assertThat(in.sum(ChannelStats::bytesRead)).isEqualTo(written);
    assertThat(in.sum(ChannelStats::bytesPut) + out.sum(ChannelStats::bytesGot)).isZero();
    if (cell.channels() > 0) {
      assertThat(out.channels().subList(1, out.channels().size()))
          .extracting(Channel::stats)
          .allSatisfy(stats -> assertThat(stats.bytesPut()).isPositive());
    }
  }

  /**
   * @param stageBytes what the source has for copies of pages besides, which none was made of
   */
  private static void requireRegistered(Cell cell, LabSpec spec, Peer peer, long stageBytes) {
    RdmaStatistics statistics = RdmaStatistics.of(peer).orElseThrow();
    long guest = spec.ramBytes() + spec.hugeBytes();
    assertThat(statistics.registrations()).as("%s", statistics).isPositive();
    if (cell.pinAll()) {
      assertThat(statistics.mostBytes()).as("%s", statistics).isEqualTo(guest + stageBytes);
    } else {
      assertThat(statistics.mostBytes()).as("%s", statistics).isBetween(1L, guest);
    }
    assertThat(statistics.evictions()).as("%s", statistics).isZero();
    assertThat(statistics.bytes()).as("%s", statistics).isZero();
  }

  private static void requireItRunsOn(LabGuest guest) throws Exception {
    long before = guest.clock().ticks();
    Await.until("the guest runs on", () -> guest.clock().ticks() > before + 3);
    guest.pause();
    assertThat(guest.verify().isSound()).as("%s", guest.verify()).isTrue();
  }
}
