package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.lab.stream.Mode.Layout;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.IntConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Main channels of real QEMUs that end too early, wherever it is: that is said, with a place in
 * what there was, and never taken for a guest. All bytes up to the devices that are not in a page
 * are such ends; of the others some, and with {@code -Dgodwit.full=true} many more.
 */
@ExtendWith(Captures.Shared.class)
@Timeout(300)
final class TruncatedCaptureTest {
  private static final boolean FULL = Boolean.getBoolean("godwit.full");

  /** Enough for some thousand cuts. */
  private static final Duration SAMPLED = Duration.ofMillis(FULL ? 20_000 : 400);

  /** On however busy a machine. */
  private static final int LEAST = 30;

  /** More than any has, but for one that carries a disk. */
  private static final int MOST_BEFORE_DEVICES = 5_000;

  private static final int CUTS_IN_PAGES = 100;
  private static final int CUTS_OF_ALL = 50;

  @TempDir private Path scratch;

  /** All but files, and connections that are cut as it is. */
  static Stream<Kind> kinds() {
    return Mode.allKinds()
        .filter(kind -> kind.mode().layout() != Layout.FILE && kind.mode() != Mode.RECOVERY);
  }

  static Stream<Kind> images() {
    return Mode.kinds().filter(ImageTest::isOneStream);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void isNoStream(Kind kind, Captures captures) throws Exception {
    judge(kind, captures.of(kind).main().bytes(), Decoders::copy);
  }

  @ParameterizedTest
  @MethodSource("images")
  void isNoGuest(Kind kind, Captures captures) throws Exception {
    judge(
        kind,
        captures.of(kind).main().bytes(),
        (bytes, length) -> Decoders.image(bytes, length, image -> {}));
  }

  /** What reads the beginning of some bytes. */
  @FunctionalInterface
  private interface Reading {
    void read(byte[] bytes, int length) throws IOException;
  }

  private void judge(Kind kind, byte[] whole, Reading reading) throws IOException {
    Seed seed = Seed.of("TruncatedCaptureTest, " + kind);
    Random random = seed.random();
    Structure small = Structure.shortened(whole);
    reading.read(small.bytes(), small.bytes().length);
    Leaks leaks = Leaks.baseline(scratch);
    List<Integer> head = small.head();
    if (head.size() > MOST_BEFORE_DEVICES) {
      Collections.shuffle(head, random);
      head = head.subList(0, MOST_BEFORE_DEVICES);
    }
    for (int cut : head) {
      expectTruncated(small, cut, reading);
    }
    int devices = some(small.devices(), random, cut -> expectTruncated(small, cut, reading));
    int described = some(small.description(), random, cut -> expectTruncated(small, cut, reading));
    List<Integer> inPages = small.inPages();
    for (int i = 0; i < CUTS_IN_PAGES && !inPages.isEmpty(); i++) {
      expectTruncated(small, inPages.get(random.nextInt(inPages.size())), reading);
    }
    Structure all = Structure.of(whole);
    for (int i = 0; i < CUTS_OF_ALL; i++) {
      expectTruncated(all, random.nextInt(whole.length), reading);
    }
    leaks.awaitNone();
    System.out.printf(
        "%s: cut at %d places before the devices, at %d of %d in them, at %d of %d behind%n",
        kind, head.size(), devices, small.devices().size(), described, small.description().size());
  }

  /** Cuts at some of these places, in an order at random, until the time is up. */
  static int some(List<Integer> cuts, Random random, IntConsumer cutting) {
    Collections.shuffle(cuts, random);
    long end = System.nanoTime() + SAMPLED.toNanos();
    int done = 0;
    while (done < cuts.size() && (done < LEAST || System.nanoTime() - end < 0)) {
      cutting.accept(cuts.get(done++));
    }
    return done;
  }

  private static void expectTruncated(Structure main, int cut, Reading reading) {
    try {
      reading.read(main.bytes(), cut);
    } catch (StreamException e) {
      assertThat(e.kind())
          .as("cut at %d of %d: %s", cut, main.bytes().length, e)
          .isEqualTo(StreamException.Kind.TRUNCATED);
      assertThat(e.offset()).as("cut at %d: %s", cut, e).isBetween(0L, (long) cut);
      return;
    } catch (IOException | RuntimeException e) {
      fail("Cut at " + cut + " of " + main.bytes().length, e);
    }
    fail("Cut at " + cut + " of " + main.bytes().length + ", it was taken for whole");
  }
}
