package dev.godwit.transport.rdma.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class ItemsTest {
  private static final ItemReader.Targets ANY = (region, offset, length) -> {};

  private final ByteBuffer frame = ByteBuffer.allocateDirect(1024);
  private final ItemWriter writer = new ItemWriter();
  private final ItemReader reader = new ItemReader();

  private void finish() {
    Frame.encode(frame, FrameType.STREAM, 0, 0, writer.payloadBytes(), 0);
  }

  private static ByteBuffer buffer(int... bytes) {
    ByteBuffer buffer = ByteBuffer.allocate(bytes.length);
    for (int b : bytes) {
      buffer.put((byte) b);
    }
    return buffer.flip();
  }

  @Test
  void lookLikeThisOnTheWire() {
    writer.begin(frame, 1024);
    writer.write(buffer(0xaa, 0xbb), 2);
    writer.write(buffer(0xcc), 1);
    writer.put(5, 0x1000, 0x1000);
    writer.put(5, 0x2000, 0x1000);
    writer.put(5, 0x4000, 1);
    writer.put(6, 0x4001, 1);
    writer.write(buffer(0xdd), 1);
    byte[] payload = new byte[writer.payloadBytes()];
    frame.get(Frame.HEADER_BYTES, payload);
    assertThat(HexFormat.of().formatHex(payload))
        .isEqualTo(
            "00000003aabbcc"
                + "8000000500000000000010000000000000002000"
                + "8000000500000000000040000000000000000001"
                + "8000000600000000000040010000000000000001"
                + "00000001dd");
  }

  @Test
  void whatIsWrittenAndPutIsTakenInOrder() throws Exception {
    Seed seed = Seed.of("whatIsWrittenAndPutIsTakenInOrder");
    Random random = seed.random();
    for (int round = 0; round < 500; round++) {
      int limit = 100 + random.nextInt(900);
      ByteArrayOutputStream sent = new ByteArrayOutputStream();
      List<Long> puts = new ArrayList<>();
      writer.begin(frame, limit);
      while (true) {
        if (random.nextBoolean()) {
          if (!writer.hasRoomForPut()) {
            break;
          }
          long offset = random.nextInt(3) * 10L;
          writer.put(1, offset, 10);
          sent.write('P');
          for (long at = offset; at < offset + 10; at++) {
            puts.add(at);
          }
        } else {
          int part = Math.min(writer.room(), 1 + random.nextInt(50));
          if (part == 0) {
            break;
          }
          byte[] bytes = Io.bytes(random, part);
          writer.write(ByteBuffer.wrap(bytes), part);
          sent.writeBytes(bytes);
        }
      }
      assertThat(writer.payloadBytes() + Frame.HEADER_BYTES).isLessThanOrEqualTo(limit);
      if (writer.isEmpty()) {
        continue;
      }
      finish();
      assertThat(ItemReader.check(frame, ANY)).as("%s", seed).isEqualTo(puts.size());
      takeAll(sent.toByteArray(), puts, random, seed);
    }
  }

  private void takeAll(byte[] sent, List<Long> puts, Random random, Seed seed) {
    ByteArrayOutputStream got = new ByteArrayOutputStream();
    List<Long> gotPuts = new ArrayList<>();
    reader.begin(frame);
    long tenth = 0;
    while (!reader.isDone()) {
      if (reader.isPut()) {
        long part = 1 + random.nextLong(reader.remaining());
        for (long at = 0; at < part; at++) {
          gotPuts.add(reader.offset() + at);
          if (tenth++ % 10 == 0) {
            got.write('P');
          }
        }
        reader.take(part);
      } else {
        ByteBuffer dst = ByteBuffer.allocate(1 + random.nextInt(20));
        int read = reader.read(dst);
        assertThat(dst.position()).isEqualTo(read).isPositive();
        got.write(dst.array(), 0, read);
      }
    }
    assertThat(gotPuts).as("%s", seed).isEqualTo(puts);
    assertThat(got.toByteArray()).as("%s", seed).isEqualTo(sent);
  }

  @Test
  void whatIsCutOrLiesIsAViolation() {
    for (String bad :
        List.of(
            "",
            "00",
            "000000",
            "00000000", // bytes of no length
            "00000001",
            "00000002aa",
            "7fffffffaa",
            "00000001aa00", // a rest
            "80000001",
            "80000001000000000000000000000000000000", // one byte short
            "8000000100000000000000000000000000000000", // a put of nothing
            "80000001ffffffffffffffff0000000000000001",
            "800000010000000000000000ffffffffffffffff",
            "800000017fffffffffffffff0000000000000001",
            "8000000100000000000000007fffffffffffffff8000000100000000000000007fffffffffffffff")) {
      byte[] payload = HexFormat.of().parseHex(bad);
      frame.put(Frame.HEADER_BYTES, payload);
      Frame.encode(frame, FrameType.STREAM, 0, 0, payload.length, 0);
      assertThatThrownBy(() -> ItemReader.check(frame, ANY))
          .as(bad)
          .isInstanceOf(ChannelException.Violated.class);
    }
  }

  @Test
  void eachPutIsCheckedAgainstItsTarget() {
    writer.begin(frame, 1024);
    writer.put(1, 10, 5);
    writer.put(2, 0, 7);
    finish();
    List<String> asked = new ArrayList<>();
    assertThatThrownBy(
            () ->
                ItemReader.check(
                    frame,
                    (region, offset, length) -> {
                      asked.add(region + " " + offset + " " + length);
                      if (region == 2) {
                        throw new ChannelException.Violated("No such region");
                      }
                    }))
        .isInstanceOf(ChannelException.Violated.class);
    assertThat(asked).containsExactly("1 10 5", "2 0 7");
  }
}
