package dev.godwit.lab.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.embedded.DirtyShape;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.migration.engine.DestinationState;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Layer;
import dev.godwit.transport.layer.FaultLayer;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The connection is lost, at any byte of any channel in either direction, or nothing comes through
 * it any more: the guest runs on where it is, or both ends say that it is paused, and never do two
 * run.
 */
@Timeout(240)
final class EngineCutTest {
  private static final Seed SEED = Seed.of("EngineCutTest");

  private static final boolean FULL = Boolean.getBoolean("godwit.full");

  /** Of each way, a third of them in memory, the source's last bytes, and the answers. */
  private static final int POINTS = FULL ? 108 : 27;

  private static final long RAM_BYTES = 2 << 20;
  private static final long WRITES_PER_SECOND = 500;
  private static final String[] PLAIN = {"x-godwit-peer-timeout=3"};
  private static final String[] MULTIFD = {
    "x-godwit-peer-timeout=3", "multifd", "multifd-channels=2"
  };
  private static final String TIMEOUT = "x-godwit-peer-timeout";
  private static final String IMPATIENT = "1";
  private static final String PATIENT = "60";
  private static final long SILENT_AFTER = 32 << 10;

  @TempDir private Path directory;

  /**
   * Where a connection is lost.
   *
   * @param answers on the way back
   * @param channel 0 for the main one
   * @param at which byte does not arrive any more
   */
  private record Cut(DirtyShape shape, boolean answers, int channel, long at) {
    Wrapping out() {
      return answers ? Wrapping.NONE : wrapping();
    }

    Wrapping in() {
      return answers ? wrapping() : Wrapping.NONE;
    }

    private Layer.Wrapping cutting() {
      Endpoint endpoint = Endpoint.parse("mem:x?fault=cut:" + at);
      return new FaultLayer()
          .configure(new Layer.Naming(endpoint, Layer.Side.DIALLING, "cut:" + at));
    }

    private Wrapping wrapping() {
      return (n, inner) -> n == channel ? cutting().wrap(inner, Deadline.never()) : inner;
    }
  }

  static Stream<Arguments> ways() {
    return Stream.of(Way.TCP, Way.DIRECT)
        .flatMap(way -> Stream.of(Arguments.of(way, false), Arguments.of(way, true)));
  }

  /** Each way and each kind of channel once, since silence takes its time. */
  static Stream<Arguments> fewWays() {
    return FULL ? ways() : Stream.of(Arguments.of(Way.TCP, false), Arguments.of(Way.DIRECT, true));
  }

  private static LabSpec spec(DirtyShape shape) {
    return LabSpec.of(RAM_BYTES, shape, WRITES_PER_SECOND).withSeed(SEED.value());
  }

  private static EngineParameters parameters(boolean multifd) {
    return Ends.parameters(multifd ? MULTIFD : PLAIN);
  }

  private LostMigration migration(Way way, boolean multifd, Cut cut) throws Exception {
    EngineParameters parameters = parameters(multifd);
    return new LostMigration(
        spec(cut.shape), way, directory, parameters, parameters, cut.out(), cut.in());
  }

  /** Cuts of a migration that is as long as one that nothing happens to. */
  private List<Cut> cuts(Way way, boolean multifd, Random random) throws Exception {
    List<Cut> cuts = new ArrayList<>();
    for (DirtyShape shape : List.of(DirtyShape.UNIFORM, DirtyShape.IDLE)) {
      try (LostMigration whole = migration(way, multifd, new Cut(shape, true, -1, 1))) {
        assertThat(whole.run()).isEmpty();
        whole.requireOneOrNone(Optional.empty());
        for (int i = 0; i < POINTS / 3; i++) {
          if (shape == DirtyShape.UNIFORM) {
            int channel = random.nextInt(whole.sent().size());
            cuts.add(
                new Cut(shape, false, channel, 1 + random.nextLong(whole.sent().get(channel))));
          } else {
            // Its memory stays as it is, so each byte is the same one each time.
            long back = random.nextLong(1L << (3 + i % 10));
            cuts.add(new Cut(shape, false, 0, Math.max(1, whole.sent().getFirst() - back)));
            cuts.add(new Cut(shape, true, 0, 1 + random.nextLong(whole.answered())));
          }
        }
      }
    }
    return cuts;
  }

  @ParameterizedTest
  @MethodSource("ways")
  void aLostConnectionNeverMakesTwoRun(Way way, boolean multifd) throws Exception {
    List<Cut> cuts = cuts(way, multifd, SEED.random(way.hashCode() + (multifd ? 1 : 0)));
    Leaks leaks = Leaks.baseline(directory);
    Set<SourceState> seen = EnumSet.noneOf(SourceState.class);
    for (Cut cut : cuts) {
      try (LostMigration lost = migration(way, multifd, cut)) {
        Optional<MigrationException> met = lost.run();
        try {
          lost.requireOneOrNone(met);
        } catch (AssertionError | RuntimeException e) {
          throw new AssertionError(cut + ", " + met + ", godwit.seed=" + SEED, e);
        }
        seen.add(lost.source());
      }
    }
    assertThat(seen).contains(SourceState.FAILED, SourceState.UNDECIDED);
    leaks.awaitNone();
  }

  @ParameterizedTest
  @MethodSource("fewWays")
  void aDestinationThatGoesSilentIsGivenUp(Way way, boolean multifd) throws Exception {
    Wrapping in =
        (n, inner) ->
            new SilentChannel(
                inner,
                () -> inner.stats().bytesRead() + inner.stats().bytesGot() > SILENT_AFTER,
                () -> false);
    try (LostMigration lost = migration(way, multifd, IMPATIENT, PATIENT, Wrapping.NONE, in)) {
      Optional<MigrationException> met = lost.runSource();
      assertThat(lost.source()).as("%s", met).isEqualTo(SourceState.FAILED);
      assertThat(met.orElseThrow()).hasRootCauseInstanceOf(ChannelException.TimedOut.class);
      // It hears and sees nothing of that, being cut off.
      lost.ends().destination().cancel("the test ends");
      lost.endDestination();
      lost.requireOneOrNone(met);
    }
  }

  @ParameterizedTest
  @MethodSource("fewWays")
  void aSourceThatGoesSilentIsGivenUp(Way way, boolean multifd) throws Exception {
    Wrapping out =
        (n, inner) ->
            new SilentChannel(
                inner,
                () -> false,
                () -> inner.stats().bytesWritten() + inner.stats().bytesPut() > SILENT_AFTER);
    try (LostMigration lost = migration(way, multifd, PATIENT, IMPATIENT, out, Wrapping.NONE)) {
      Optional<MigrationException> met = lost.run();
      lost.requireOneOrNone(met);
      assertThat(lost.source()).isEqualTo(SourceState.FAILED);
      assertThat(lost.destination()).isEqualTo(DestinationState.FAILED);
      assertThat(met.orElseThrow()).hasMessageContaining("Nothing has moved on any channel");
    }
  }

  /** The destination asks, and never hears that it may. */
  @ParameterizedTest
  @MethodSource("fewWays")
  void aSourceThatGoesSilentOnceItGaveTheGuestUpLeavesItPaused(Way way, boolean multifd)
      throws Exception {
    AtomicReference<BooleanSupplier> silent = new AtomicReference<>(() -> false);
    Wrapping out =
        (n, inner) -> new SilentChannel(inner, () -> false, () -> silent.get().getAsBoolean());
    try (LostMigration lost = migration(way, multifd, PATIENT, IMPATIENT, out, Wrapping.NONE)) {
      silent.set(() -> lost.source().hasGivenUp());
      Optional<MigrationException> met = lost.run();
      lost.requireOneOrNone(met);
      assertThat(lost.source()).isEqualTo(SourceState.UNDECIDED);
      assertThat(lost.destination()).isEqualTo(DestinationState.FAILED);
      assertThat(met.orElseThrow()).hasMessageContaining("Nothing has moved on any channel");
    }
  }

  /** The guest runs, and the source never hears that it does. */
  @Test
  void aDestinationThatCannotConfirmKeepsTheGuest() throws Exception {
    AtomicReference<BooleanSupplier> silent = new AtomicReference<>(() -> false);
    Wrapping in =
        (n, inner) -> new SilentChannel(inner, () -> false, () -> silent.get().getAsBoolean());
    try (LostMigration lost = migration(Way.TCP, false, PATIENT, PATIENT, Wrapping.NONE, in)) {
      silent.set(() -> lost.destination() == DestinationState.STARTING);
      Optional<MigrationException> met = lost.run();
      lost.requireOneOrNone(met);
      assertThat(lost.source()).isEqualTo(SourceState.UNDECIDED);
      assertThat(lost.destination()).isEqualTo(DestinationState.COMPLETED);
    }
  }

  private LostMigration migration(
      Way way,
      boolean multifd,
      String sourceTimeout,
      String destinationTimeout,
      Wrapping out,
      Wrapping in)
      throws Exception {
    EngineParameters parameters = parameters(multifd);
    return new LostMigration(
        spec(DirtyShape.UNIFORM),
        way,
        directory,
        parameters.with(TIMEOUT, sourceTimeout),
        parameters.with(TIMEOUT, destinationTimeout),
        out,
        in);
  }
}
