package dev.godwit.lab.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.embedded.DirtyShape;
import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.DestinationState;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The lab guest, whatever it does to its memory, is the same at the other end of every transport:
 * each byte when it was paused, and each of its records after it has run on.
 */
@Timeout(120)
final class EngineTest {
  private static final Seed SEED = Seed.of("EngineTest");
  private static final boolean FULL = Boolean.getBoolean("godwit.full");
  private static final long RAM_BYTES = 16 << 20;
  private static final long HUGE_BYTES = 8 << 20;

  /** Fast enough to make several passes of every migration, slow enough to converge. */
  private static final long WRITES_PER_SECOND = 2_000;

  @TempDir private Path directory;

  /** Which channels carry the memory, and how. */
  @SuppressWarnings("ImmutableEnumChecker") // List.of is immutable
  enum Carried {
    PLAIN(),
    MULTIFD("multifd", "multifd-channels=3"),
    MULTIFD_ONE("multifd", "multifd-channels=1"),
    ZLIB("multifd", "multifd-channels=2", "multifd-compression=zlib"),
    ZSTD("multifd", "multifd-channels=2", "multifd-compression=zstd"),
    TARGET_PAGES("multifd", "multifd-channels=2", "x-godwit-whole-pages=off");

    private final List<String> settings;

    Carried(String... settings) {
      this.settings = List.of(settings);
    }

    boolean isMultifd() {
      return !settings.isEmpty();
    }

    EngineParameters parameters() {
      return Ends.parameters(settings.toArray(String[]::new));
    }
  }

  /** One migration. */
  record Cell(DirtyShape shape, Way way, Carried carried) {
    /** Each two of its values. */
    List<String> pairs() {
      return List.of(shape + " " + way, shape + " " + carried, way + " " + carried);
    }

    @Override
    public String toString() {
      return shape + ", " + way + ", " + carried;
    }
  }

  static Stream<Cell> cells() {
    List<Cell> cells = new ArrayList<>();
    for (DirtyShape shape : DirtyShape.values()) {
      for (Way way : Way.ALL) {
        for (Carried carried : Carried.values()) {
          if (way.many() || !carried.isMultifd()) {
            cells.add(new Cell(shape, way, carried));
          }
        }
      }
    }
    return FULL ? cells.stream() : pairwise(cells).stream();
  }

  /** Cells in which each two values that can meet do. */
  private static List<Cell> pairwise(List<Cell> cells) {
    List<Cell> shuffled = new ArrayList<>(cells);
    Collections.shuffle(shuffled, SEED.random());
    Set<String> seen = new HashSet<>();
    return shuffled.stream().filter(cell -> seen.addAll(cell.pairs())).toList();
  }

  @ParameterizedTest
  @MethodSource("cells")
  void theGuestIsTheSameOnTheOtherSide(Cell cell) throws Exception {
    LabSpec spec =
        LabSpec.of(RAM_BYTES, cell.shape(), WRITES_PER_SECOND)
            .withHuge(HUGE_BYTES)
            .withSeed(SEED.value());
    EngineParameters parameters = cell.carried().parameters();
    Leaks leaks = Leaks.baseline(directory);
    try (LabGuest from = LabGuest.create(spec);
        LabGuest to = LabGuest.empty(spec)) {
      from.resume();
      Await.until("the guest runs", () -> from.clock().ticks() > 10);
      ComparedGuest compared = new ComparedGuest(from, to);
      try (Ends ends = Ends.of(from, compared, cell.way(), directory, parameters)) {
        ends.migrate();
        assertThat(ends.source().state()).isEqualTo(SourceState.COMPLETED);
        assertThat(ends.destination().state()).isEqualTo(DestinationState.COMPLETED);
      }
      assertThat(compared.isCompared()).isTrue();
      assertThat(from.isRunning()).isFalse();
      assertThat(to.isRunning()).isTrue();
      long before = to.clock().ticks();
      Await.until("the guest runs on", () -> to.clock().ticks() > before + 10);
      to.pause();
      assertThat(to.verify().isSound()).as(to.verify().toString()).isTrue();
    }
    leaks.awaitNone();
  }

  @Test
  void aPausedGuestStaysPaused() throws Exception {
    LabSpec spec = LabSpec.of(RAM_BYTES, DirtyShape.UNIFORM, WRITES_PER_SECOND);
    try (LabGuest from = LabGuest.create(spec);
        LabGuest to = LabGuest.empty(spec);
        Ends ends = Ends.of(from, to, Way.TCP, directory, Ends.parameters())) {
      from.resume();
      Await.until("the guest runs", () -> from.writes() > 100);
      from.pause();
      ends.migrate();
      assertThat(from.isRunning()).isFalse();
      assertThat(to.isRunning()).isFalse();
      assertThat(from.difference(to)).isEmpty();
      assertThat(to.verify().isSound()).as(to.verify().toString()).isTrue();
      to.resume();
      assertThat(to.isRunning()).isTrue();
    }
  }

  /** What came can be sent on, again and again. */
  @Test
  void itGoesOnFromHostToHost() throws Exception {
    LabSpec spec = LabSpec.of(RAM_BYTES, DirtyShape.HOT_SET, WRITES_PER_SECOND);
    List<LabGuest> guests = new ArrayList<>();
    try {
      guests.add(LabGuest.create(spec));
      guests.getFirst().resume();
      for (Way way : List.of(Way.TCP, Way.FILE, Way.DIRECT, Way.UNIX)) {
        guests.add(LabGuest.empty(spec));
        LabGuest from = guests.get(guests.size() - 2);
        LabGuest to = guests.getLast();
        try (Ends ends =
            Ends.of(from, new ComparedGuest(from, to), way, directory, Ends.parameters())) {
          ends.migrate();
        }
      }
      LabGuest last = guests.getLast();
      last.pause();
      assertThat(last.verify().isSound()).as(last.verify().toString()).isTrue();
    } finally {
      guests.forEach(LabGuest::close);
    }
  }

  /** Another program connects, and hands the connection to the one with the guest. */
  @Test
  void itGoesOverADescriptorThatAnotherProgramOpened() throws Exception {
    try (LabGuest to = LabGuest.empty(HandedDescriptor.SPEC);
        Listener listener = Ends.TRANSPORTS.listen(Endpoint.parse("tcp:127.0.0.1:0"));
        DestinationMigration destination =
            new DestinationMigration(to, listener, Ends.parameters())) {
      destination.start();
      String address = listener.local().toString();
      String port = address.substring(address.lastIndexOf(':') + 1);
      List<String> java =
          List.of(
              Path.of(System.getProperty("java.home"), "bin", "java").toString(),
              "--enable-native-access=ALL-UNNAMED",
              "-cp",
              System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
              HandedDescriptor.class.getName(),
              "3");
      List<String> command =
          new ArrayList<>(
              List.of(
                  "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/" + port + "; exec \"$@\"", "bash"));
      command.addAll(java);
      Path log = directory.resolve("source.log");
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
      try {
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(Files.readString(log)).contains("COMPLETED false");
        destination.await();
        assertThat(to.isRunning()).isTrue();
        to.pause();
        assertThat(to.verify().isSound()).as(to.verify().toString()).isTrue();
      } finally {
        process.destroyForcibly();
      }
    }
  }
}
