package dev.godwit.channel.stream;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.godwit.channel.stream.StreamException.Kind;
import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class StreamInputTest {
  private static final byte[] ALL =
      Wired.hex("FF  FFFE  FFFFFFFD  FFFFFFFFFFFFFFFC  03'ram'  E9'x'  010203  0405  0000  0700");

  private static boolean readsAll(StreamInput in) throws IOException {
    assertThat(in.offset()).isZero();
    assertThat(in.u8()).isEqualTo(0xFF);
    assertThat(in.u16()).isEqualTo(0xFFFE);
    assertThat(in.u32()).isEqualTo(0xFFFF_FFFDL);
    assertThat(in.u64()).isEqualTo(-4);
    assertThat(in.offset()).isEqualTo(15);
    assertThat(in.name("section")).isEqualTo("ram");
    assertThat(in.text(2)).isEqualTo("\u00E9x");
    assertThat(in.bytes(3)).containsExactly(1, 2, 3);
    ByteBuffer two = ByteBuffer.allocate(4).position(1).limit(3);
    in.bytes(two);
    assertThat(two.array()).containsExactly(0, 4, 5, 0);
    assertThat(in.zeroes(2)).isTrue();
    assertThat(in.zeroes(2)).isFalse();
    assertThat(in.offset()).isEqualTo(ALL.length);
    return in.hasMore();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 1000})
  void readsNumbersNamesAndBytesHoweverTheyArrive(int pieceBytes) throws Exception {
    assertThat(Wired.reading(ALL, pieceBytes, StreamInputTest::readsAll)).isFalse();
  }

  @Test
  void saysWhereTheStreamEndedWhereverItIsCut() throws Exception {
    for (int cut = 0; cut < ALL.length; cut++) {
      byte[] part = Arrays.copyOf(ALL, cut);
      StreamException end =
          catchThrowableOfType(
              StreamException.class, () -> Wired.reading(part, StreamInputTest::readsAll));
      assertThat(end).as("cut at %d", cut).isNotNull();
      assertThat(end.kind()).isEqualTo(Kind.TRUNCATED);
      assertThat(end.offset()).isEqualTo(cut);
      assertThat(end.channel()).isEqualTo("main");
      assertThat(end).hasMessageEndingWith("(channel main, byte " + cut + ")");
    }
  }

  @Test
  void refusesAnEmptyName() {
    StreamException empty =
        catchThrowableOfType(
            StreamException.class,
            () -> Wired.reading(Wired.hex("09 00"), in -> in.u8() + in.name("RAM block")));
    assertThat(empty.kind()).isEqualTo(Kind.MALFORMED);
    assertThat(empty.offset()).isEqualTo(1);
    assertThat(empty.sentence()).isEqualTo("The RAM block is empty");
  }

  @Test
  void leavesWhatItPeeksAtAlsoWhenTheBufferMustMakeRoom() throws Exception {
    byte[] bytes = Io.bytes(Seed.of("peek").random(), 3000);
    for (int taken : new int[] {0, 1, 300, 511, 512, 513, 1000}) {
      Wired.reading(
          bytes,
          700,
          in -> {
            in.skip(taken);
            assertThat(in.peek()).isEqualTo(bytes[taken] & 0xFF);
            ByteBuffer ahead = in.peek(512);
            assertThat(ahead.isReadOnly()).isTrue();
            assertThat(ahead.remaining()).isGreaterThanOrEqualTo(512);
            assertThat(ahead.getInt(ahead.position()))
                .isEqualTo(ByteBuffer.wrap(bytes).getInt(taken));
            assertThat(in.offset()).isEqualTo(taken);
            assertThat(in.bytes(600)).isEqualTo(Arrays.copyOfRange(bytes, taken, taken + 600));
            return true;
          });
    }
  }

  @Test
  void peeksAtFewerBytesAtTheEndOnly() throws Exception {
    Wired.reading(
        Wired.hex("0102"),
        in -> {
          assertThat(in.peek(8).remaining()).isEqualTo(2);
          in.skip(2);
          assertThat(in.peek()).isEqualTo(-1);
          assertThat(in.peek(8).remaining()).isZero();
          return in.hasMore();
        });
  }

  @Test
  void copiesIntoASegmentWhatIsLongerThanTheBuffer() throws Exception {
    byte[] bytes = Io.bytes(Seed.of("segment").random(), 5000);
    Wired.reading(
        bytes,
        777,
        in -> {
          byte[] memory = new byte[4100];
          in.skip(10);
          in.bytes(MemorySegment.ofArray(memory), 3, 4096);
          assertThat(Arrays.copyOfRange(memory, 3, 4099))
              .isEqualTo(Arrays.copyOfRange(bytes, 10, 4106));
          assertThat(memory[2] | memory[4099]).isZero();
          assertThat(in.offset()).isEqualTo(4106);
          return in.u8();
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"placement=inline", "placement=inline&buffer=1", "placement=direct"})
  void takesPutBytesBetweenWrittenOnes(String settings) throws Exception {
    int pages = 5;
    int pageBytes = 4096;
    byte[] ram = Io.bytes(Seed.of("get " + settings).random(), pages * pageBytes);
    try (Arena arena = Arena.ofShared();
        Wired wired = new Wired(settings)) {
      MemorySegment source = arena.allocate(ram.length);
      MemorySegment target = arena.allocate(ram.length);
      Io.fill(source, 0, ram);
      try (Region from =
              wired.sending().info().peer().register("ram", source, Access.REMOTE_WRITE);
          Region to =
              wired.receiving().info().peer().register("ram", target, Access.REMOTE_WRITE)) {
        Task<Boolean> sender =
            Threads.start(
                "sender",
                () -> {
                  RemoteRegion there =
                      wired.sending().info().peer().remote("ram", Deadline.after(Await.LIMIT));
                  try (StreamOutput out = new StreamOutput(wired.sending(), 512)) {
                    for (int page = 0; page < pages; page++) {
                      out.u64(page * (long) pageBytes | 8);
                      long at = page * (long) pageBytes;
                      out.put(from, at, there, at, pageBytes);
                    }
                    out.u64(16);
                    assertThat(out.offset()).isEqualTo(pages * (8L + pageBytes) + 8);
                    out.flush();
                    wired.sending().barrier();
                  }
                });
        try (StreamInput in = new StreamInput(wired.receiving(), "main", 1024)) {
          for (long page = 0; page < pages; page++) {
            assertThat(in.u64()).isEqualTo(page * pageBytes | 8);
            in.get(to, page * pageBytes, pageBytes);
            assertThat(Io.copy(target, page * pageBytes, pageBytes))
                .isEqualTo(Io.copy(source, page * pageBytes, pageBytes));
          }
          assertThat(in.u64()).isEqualTo(16);
          assertThat(in.offset()).isEqualTo(pages * (8L + pageBytes) + 8);
          wired.receiving().barrier();
        }
        sender.result();
      }
    }
  }

  @Test
  void saysThatThePageIsCut() throws Exception {
    try (Arena arena = Arena.ofShared();
        Wired wired = new Wired("placement=inline");
        Region to =
            wired
                .receiving()
                .info()
                .peer()
                .register("ram", arena.allocate(4096), Access.REMOTE_WRITE);
        StreamInput in = new StreamInput(wired.receiving(), "main", 512)) {
      wired.sending().write(ByteBuffer.wrap(new byte[2000]));
      wired.sending().shutdownOutput();
      assertThat(in.u64()).isZero();
      StreamException cut = catchThrowableOfType(StreamException.class, () -> in.get(to, 0, 4096));
      assertThat(cut.kind()).isEqualTo(Kind.TRUNCATED);
      assertThat(cut.offset()).isBetween(8L, 2000L);
    }
  }

  @Test
  void handsOnWhatTheChannelItselfSuffers() throws Exception {
    try (Wired wired = new Wired("");
        StreamInput in = new StreamInput(wired.receiving(), "main")) {
      Task<Integer> reading = Task.start("read", in::u8);
      reading.awaitBlocked();
      wired.receiving().abort(new IllegalStateException("enough"));
      assertThat(reading.failure()).isInstanceOf(ChannelException.Aborted.class);
    }
  }

  /** Whatever is written comes back, and both sides count alike. */
  @Test
  void readsBackWhatIsWritten() throws Exception {
    Seed seed = Seed.of("StreamInputTest.readsBackWhatIsWritten");
    for (int round = 0; round < 50; round++) {
      int n = round;
      byte[] bytes = Wired.written(out -> play(seed.random(n), out));
      int pieceBytes = 1 + seed.random(n).nextInt(2000);
      Wired.reading(bytes, pieceBytes, in -> check(seed.random(n), in));
    }
  }

  private static void play(Random random, StreamOutput out) throws IOException {
    for (int i = 0; i < 100; i++) {
      long before = out.offset();
      int kind = random.nextInt(7);
      long value = random.nextLong();
      byte[] bytes = Io.bytes(random, 1 + random.nextInt(kind == 4 ? 255 : 1500));
      switch (kind) {
        case 0 -> out.u8((int) value);
        case 1 -> out.u16((int) value);
        case 2 -> out.u32(value);
        case 3 -> out.u64(value);
        case 4 -> out.name(new String(bytes, ISO_8859_1));
        case 5 -> out.bytes(bytes);
        default -> out.bytes(MemorySegment.ofArray(bytes), 0, bytes.length);
      }
      assertThat(out.offset() - before).isEqualTo(length(kind, bytes));
    }
  }

  private static boolean check(Random random, StreamInput in) throws IOException {
    for (int i = 0; i < 100; i++) {
      long before = in.offset();
      int kind = random.nextInt(7);
      long value = random.nextLong();
      byte[] bytes = Io.bytes(random, 1 + random.nextInt(kind == 4 ? 255 : 1500));
      switch (kind) {
        case 0 -> assertThat(in.u8()).isEqualTo((int) value & 0xFF);
        case 1 -> assertThat(in.u16()).isEqualTo((int) value & 0xFFFF);
        case 2 -> assertThat(in.u32()).isEqualTo(value & 0xFFFF_FFFFL);
        case 3 -> assertThat(in.u64()).isEqualTo(value);
        case 4 -> assertThat(in.name("name")).isEqualTo(new String(bytes, ISO_8859_1));
        case 5 -> assertThat(in.bytes(bytes.length)).isEqualTo(bytes);
        default -> {
          MemorySegment copy = MemorySegment.ofArray(new byte[bytes.length]);
          in.bytes(copy, 0, bytes.length);
          assertThat(copy.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(bytes);
        }
      }
      assertThat(in.offset() - before).isEqualTo(length(kind, bytes));
    }
    return in.hasMore();
  }

  private static int length(int kind, byte[] bytes) {
    return switch (kind) {
      case 0, 1, 2, 3 -> 1 << kind;
      case 4 -> 1 + bytes.length;
      default -> bytes.length;
    };
  }
}
