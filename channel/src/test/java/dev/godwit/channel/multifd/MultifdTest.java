package dev.godwit.channel.multifd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.Placement;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A sender against a receiver over both placements, with a main channel that carries marks and, as
 * 7.2 has it, zero pages. After the last pass the RAM of both sides is equal.
 */
final class MultifdTest {
  private static final int PAGE = Bench.PAGE;
  private static final int PASSES = 5;
  private static final int ZERO = 'Z';
  private static final int MARK = 'S';
  private static final int END = 'E';

  private final Path scratch;

  MultifdTest(@TempDir Path scratch) {
    this.scratch = scratch;
  }

  /** Whoever hands pages over, or waits for a sync, fails with it as well. */
  private static void unexpected(MultifdException failure) {}

  static Stream<Arguments> cells() {
    List<Arguments> cells = new ArrayList<>();
    for (Dialect dialect : Dialect.values()) {
      for (MultifdCompression compression : MultifdCompression.values()) {
        for (int channels : new int[] {1, 2, 8}) {
          for (String placement : new String[] {"inline", "direct"}) {
            cells.add(
                Arguments.of(
                    MultifdSettings.of(dialect, channels).with(compression, 1), placement));
          }
        }
      }
    }
    MultifdSettings legacy = MultifdSettings.of(Dialect.V10_0, 2).withZeroPagesOnMain();
    cells.add(Arguments.of(legacy, "inline"));
    cells.add(Arguments.of(legacy, "direct"));
    return cells.stream();
  }

  @ParameterizedTest
  @MethodSource("cells")
  void ramIsEqualAfterRandomPasses(MultifdSettings settings, String placement) throws Exception {
    Seed seed = Seed.of(placement + " " + settings);
    Random random = seed.random();
    String mem =
        "placement=" + placement + "&seed=" + seed + "&buffer=" + (64 << random.nextInt(12));
    try (Bench bench = new Bench(mem)) {
      migrate(bench, settings, random, (pass, block, page) -> random.nextInt(3) > 0);
      assertThat(bench.difference()).isEmpty();
    }
  }

  /** A guest runs until the last pass, and what is in flight is torn. */
  @ParameterizedTest
  @MethodSource("cells")
  void pagesThatChangeWhileTheyAreSentArriveInTheLastPass(
      MultifdSettings settings, String placement) throws Exception {
    Seed seed = Seed.of("live, " + placement + " " + settings);
    AtomicBoolean running = new AtomicBoolean(true);
    try (Bench bench = new Bench("placement=" + placement + "&seed=" + seed)) {
      Task<Boolean> guest = Threads.start("guest", () -> dirty(bench, running, seed.random(1)));
      migrate(
          bench,
          settings,
          seed.random(),
          (pass, block, page) -> {
            if (pass == PASSES - 1 && running.getAndSet(false)) {
              guest.result();
            }
            return true;
          });
      assertThat(bench.difference()).isEmpty();
    }
  }

  private static void dirty(Bench bench, AtomicBoolean running, Random random) {
    MemorySegment ram = bench.here().all().getFirst().memory();
    while (running.get()) {
      long page = random.nextLong(ram.byteSize() / PAGE) * PAGE;
      if (random.nextInt(8) == 0) {
        ram.asSlice(page, PAGE).fill((byte) 0);
      } else {
        ram.set(ValueLayout.JAVA_BYTE, page + random.nextInt(PAGE), (byte) random.nextInt());
      }
    }
  }

  /**
   * What was put may land before earlier bytes were read, so no pass begins before the peer has
   * read all of the last one. Where order alone decides, nobody waits.
   */
  @ParameterizedTest
  @ValueSource(strings = {"inline", "direct"})
  void aSyncWaitsForThePeerWhereBytesArePlaced(String placement) throws Exception {
    MultifdSettings one = MultifdSettings.of(Dialect.V10_0, 1);
    try (Bench bench = new Bench("placement=" + placement);
        MultifdSender sender =
            new MultifdSender(one, bench.from(), Bench.soon(), MultifdTest::unexpected);
        MultifdReceiver receiver =
            new MultifdReceiver(
                one, bench.there(), bench.to(), Optional.empty(), MultifdTest::unexpected)) {
      RamBlock ram = bench.here().all().getFirst();
      sender.add(bench.dial());
      Channel there = bench.accept();
      Io.fill(ram.memory(), 0, new byte[] {1});
      sender.send(ram, 0);
      sender.send(ram, PAGE);
      Task<Boolean> sync = Threads.start("sync", sender::sync);
      assertThat(sync.endsWithoutBlocking()).isEqualTo(placement.equals("inline"));
      receiver.add(there);
      assertThat(sync.result()).isTrue();
      receiver.awaitSync(Bench.soon());
      sender.finish();
      receiver.finish();
      assertThat(bench.difference()).isEmpty();
      assertThat(sender.normalPages()).isEqualTo(1);
      assertThat(sender.zeroPages()).isEqualTo(1);
    }
  }

  @Test
  void nothingIsLeftBehind() throws Exception {
    MultifdSettings settings = MultifdSettings.of(Dialect.V10_0, 4);
    MultifdSettings zstd = settings.with(MultifdCompression.ZSTD, 1);
    ramIsEqualAfterRandomPasses(zstd, "direct");
    Leaks leaks = Leaks.baseline(scratch);
    ramIsEqualAfterRandomPasses(zstd, "direct");
    ramIsEqualAfterRandomPasses(settings, "inline");
    leaks.awaitNone();
  }

  /** Whether a page is changed and sent in a pass. */
  private interface Choice {
    boolean sends(int pass, RamBlock block, long page);
  }

  private static void migrate(Bench bench, MultifdSettings settings, Random random, Choice choice)
      throws Exception {
    Random content = new Random(random.nextLong());
    try (MultifdSender sender =
            new MultifdSender(settings, bench.from(), Bench.soon(), MultifdTest::unexpected);
        MultifdReceiver receiver =
            new MultifdReceiver(
                settings, bench.there(), bench.to(), Optional.empty(), MultifdTest::unexpected)) {
      for (int id = 0; id < settings.channels(); id++) {
        sender.add(bench.dial());
        receiver.add(bench.accept());
      }
      Threads.run(
          () -> {
            try (StreamOutput main = new StreamOutput(bench.mainOut(), 512)) {
              for (int pass = 0; pass < PASSES; pass++) {
                pass(bench, settings, sender, main, pass, content, choice);
              }
              main.u8(END);
              main.flush();
              sender.finish();
            }
          },
          () -> receive(bench, settings, receiver));
      assertThat(sender.normalPages()).isPositive();
    }
  }

  private static void pass(
      Bench bench,
      MultifdSettings settings,
      MultifdSender sender,
      StreamOutput main,
      int pass,
      Random content,
      Choice choice)
      throws IOException {
    for (RamBlock block : bench.here().all()) {
      for (long page = 0; page < block.pages(); page++) {
        if (!choice.sends(pass, block, page)) {
          continue;
        }
        boolean zero = change(block.memory().asSlice(page * PAGE, PAGE), content);
        if (zero && !settings.zeroPagesInPackets()) {
          main.u8(ZERO);
          main.name(block.name());
          main.u64(page * PAGE);
        } else {
          sender.send(block, page * PAGE);
        }
        if (content.nextInt(200) == 0) {
          sync(bench, settings, sender, main);
        }
      }
    }
    sync(bench, settings, sender, main);
  }

  /** New bytes for a page; true if they are zeroes. */
  private static boolean change(MemorySegment page, Random content) {
    page.fill((byte) 0);
    switch (content.nextInt(3)) {
      case 0 -> {
        return true;
      }
      case 1 -> page.set(ValueLayout.JAVA_BYTE, content.nextInt(PAGE), (byte) 1);
      default -> Io.fill(page, 0, Io.bytes(content, PAGE));
    }
    return false;
  }

  private static void sync(
      Bench bench, MultifdSettings settings, MultifdSender sender, StreamOutput main)
      throws IOException {
    sender.sync();
    main.u8(MARK);
    main.flush();
    if (mainNeedsBarrier(bench.mainOut(), settings)) {
      bench.mainOut().barrier();
    }
  }

  /**
   * Whether the main channel touches guest memory at all. Where it does not, it stays without a
   * barrier here, so that those of the multifd channels are all that keeps passes apart.
   */
  private static boolean mainNeedsBarrier(Channel main, MultifdSettings settings) {
    return !settings.zeroPagesInPackets()
        && main.info().capabilities().placement() != Placement.INLINE;
  }

  private static void receive(Bench bench, MultifdSettings settings, MultifdReceiver receiver)
      throws IOException {
    try (StreamInput main = new StreamInput(bench.mainIn(), "main", 512)) {
      while (true) {
        switch (main.u8()) {
          case ZERO -> {
            RamBlock block = bench.there().named(main.name("RAM block")).orElseThrow();
            block.memory().asSlice(main.u64(), PAGE).fill((byte) 0);
          }
          case MARK -> {
            receiver.awaitSync(Bench.soon());
            if (mainNeedsBarrier(bench.mainIn(), settings)) {
              bench.mainIn().barrier();
            }
          }
          default -> {
            receiver.finish();
            return;
          }
        }
      }
    }
  }
}
