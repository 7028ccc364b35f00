package dev.godwit.channel.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class StreamOutputTest {
  @Test
  void writesBigEndian() throws Exception {
    byte[] bytes =
        Wired.written(
            out -> {
              out.u8(0x1FF);
              out.u16(0x1FFFE);
              out.u32(0x1_FFFF_FFFDL);
              out.u64(-4);
              out.name("ram");
              out.bytes(new byte[] {1, 2, 3});
              out.bytes(ByteBuffer.wrap(new byte[] {0, 4, 5, 0}, 1, 2));
              assertThat(out.offset()).isEqualTo(24);
            });
    assertThat(bytes).isEqualTo(Wired.hex("FF FFFE FFFFFFFD FFFFFFFFFFFFFFFC 03'ram' 010203 0405"));
  }

  @Test
  void takesTheBytesAtOnce() throws Exception {
    byte[] given = {1, 2, 3, 4};
    byte[] bytes =
        Wired.written(
            out -> {
              out.bytes(MemorySegment.ofArray(given), 1, 2);
              Arrays.fill(given, (byte) 9);
            });
    assertThat(bytes).containsExactly(2, 3);
  }

  @ParameterizedTest
  @ValueSource(ints = {511, 512, 513, 1024, 5000})
  void writesWhatIsLongerThanItsBuffer(int length) throws Exception {
    byte[] all = Io.bytes(Seed.of("StreamOutputTest").random(), length);
    byte[] bytes =
        Wired.written(
            out -> {
              out.u8(7);
              out.bytes(ByteBuffer.wrap(all));
              out.bytes(MemorySegment.ofArray(all), 0, length);
            });
    assertThat(bytes).hasSize(1 + 2 * length).startsWith(7).endsWith(all);
    assertThat(Arrays.copyOfRange(bytes, 1, 1 + length)).isEqualTo(all);
  }

  @Test
  void sendsNothingBeforeItMust() throws Exception {
    try (Wired wired = new Wired("");
        StreamOutput out = new StreamOutput(wired.sending())) {
      out.u32(5);
      assertThat(wired.sending().stats().bytesWritten()).isZero();
      out.flush();
      assertThat(Io.receive(wired.receiving(), 4)).containsExactly(0, 0, 0, 5);
    }
  }

  @Test
  void refusesNamesThatCannotBeWritten() throws Exception {
    try (Wired wired = new Wired("");
        StreamOutput out = new StreamOutput(wired.sending())) {
      assertThatThrownBy(() -> out.name("")).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> out.name("x".repeat(256)))
          .isInstanceOf(IllegalArgumentException.class);
      assertThat(out.offset()).isZero();
      out.name("x".repeat(255));
      assertThat(out.offset()).isEqualTo(256);
    }
  }
}
