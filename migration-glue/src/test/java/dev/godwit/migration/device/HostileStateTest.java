package dev.godwit.migration.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.fail;

import com.sun.management.ThreadMXBean;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.transport.testkit.Mutant;
import dev.godwit.transport.testkit.Seed;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What somebody else's bytes do to a state. */
final class HostileStateTest {
  private static final int MUTANTS = 10_000;
  private static final long MEBIBYTE = 1 << 20;
  private static final int MOST_BYTES = 0x7FFF_FFF0;

  @Test
  void bearsMutations() throws Exception {
    Seed seed = Seed.of("HostileStateTest");
    Random random = seed.random();
    List<byte[]> samples = new ArrayList<>(List.of(Bytes.save(Clock.FORMAT, Clock.known())));
    for (int i = 0; i < 10; i++) {
      samples.add(Bytes.save(Clock.FORMAT, Clock.random(random)));
    }
    int refused = 0;
    int taken = 0;
    for (int i = 0; i < MUTANTS; i++) {
      byte[] mutant = Mutant.of(samples.get(random.nextInt(samples.size())), random);
      Clock clock = new Clock();
      try {
        Bytes.load(Clock.FORMAT, clock, mutant, 1 + random.nextInt(2));
        taken++;
        requireBounded(clock);
      } catch (StreamException e) {
        refused++;
        assertThat(e.offset()).as("%s %s", seed, e).isBetween(0L, (long) mutant.length);
      } catch (Exception | Error e) {
        fail(seed + ": " + HexFormat.of().formatHex(mutant), e);
      }
    }
    assertThat(refused).as("refused, seed %s", seed).isPositive();
    assertThat(taken).as("taken, seed %s", seed).isPositive();
  }

  private static void requireBounded(Clock clock) {
    assertThat(clock.note.length).isLessThanOrEqualTo(1000);
    assertThat(clock.hands.size()).isLessThanOrEqualTo(20);
    assertThat(clock.alarms.size()).isLessThanOrEqualTo(30);
  }

  /** Two gigabytes are declared and announced, and three bytes come. */
  @Test
  void takesMemoryAsBytesArrive() {
    StateFormat<List<byte[]>> format =
        StateFormat.<List<byte[]>>named("big")
            .generated("length", Primitive.U32, b -> b.getFirst().length)
            .variableBytes("all", "length", MOST_BYTES, List::getFirst, List::add)
            .build();
    byte[] bytes = Bytes.hex("7FFFFFF0 010203");
    List<byte[]> state = new ArrayList<>();
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    StreamException end =
        catchThrowableOfType(StreamException.class, () -> Bytes.loaded(format, state, bytes));
    assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(64 * MEBIBYTE);
    assertThat(end).isNotNull();
    assertThat(end.kind()).isEqualTo(StreamException.Kind.TRUNCATED);
    assertThat(state).isEmpty();
  }

  @Test
  void makesNoObjectThatNoByteIsOf() {
    List<Object> made = new ArrayList<>();
    StateFormat<List<Clock.Hand>> format =
        StateFormat.<List<Clock.Hand>>named("many")
            .generated("count", Primitive.U64, List::size)
            .arrayOf(
                "hands",
                "count",
                1_000_000,
                Clock.Hand.FORMAT,
                hands -> hands,
                () -> {
                  made.add("hand");
                  return new Clock.Hand();
                })
            .build();
    for (String count : List.of("00000000000F4241", "FFFFFFFFFFFFFFFF", "8000000000000000")) {
      StreamException refused =
          catchThrowableOfType(
              StreamException.class,
              () -> Bytes.loaded(format, new ArrayList<>(), Bytes.hex(count)));
      assertThat(refused.kind()).as(count).isEqualTo(StreamException.Kind.MALFORMED);
      assertThat(refused.offset()).as(count).isZero();
    }
    assertThat(made).isEmpty();
    StreamException end =
        catchThrowableOfType(
            StreamException.class,
            () -> Bytes.loaded(format, new ArrayList<>(), Bytes.hex("00000000000F4240 0001 00")));
    assertThat(end.kind()).isEqualTo(StreamException.Kind.TRUNCATED);
    assertThat(made).hasSize(2);
  }
}
