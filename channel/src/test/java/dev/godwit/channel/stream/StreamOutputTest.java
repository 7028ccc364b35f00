package dev.godwit.channel.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.ram.RamImage;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.transport.Access;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
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

  /** The region is longer than what one buffer can show, and its middle is where two meet. */
  @ParameterizedTest
  @ValueSource(strings = {"placement=inline", "placement=direct"})
  void putsStandBehindWhatWasWritten(String settings) throws Exception {
    long middle = 1L << 30;
    RamTable table = new RamTable(List.of(new RamTable.Entry("ram", 2 * middle)));
    try (Wired wired = new Wired(settings);
        RamImage image = new RamImage(table.totalBytes(), 4096);
        RamImage other = new RamImage(table.totalBytes(), 4096);
        StreamInput in = new StreamInput(wired.receiving(), "main");
        StreamOutput out = new StreamOutput(wired.sending())) {
      MemorySegment memory = image.create(table).all().getFirst().memory();
      MemorySegment filled = other.create(table).all().getFirst().memory();
      Region from = wired.sending().info().peer().register("ram", memory, Access.LOCAL);
      Region to = wired.receiving().info().peer().register("ram", filled, Access.REMOTE_WRITE);
      RemoteRegion remote =
          wired.sending().info().peer().remote("ram", Deadline.after(Await.LIMIT));
      long[] places = {0, 8192, 16384, middle + 8192};
      for (long place : places) {
        memory.asSlice(place, 8192).fill((byte) (place / 4096 + 1));
      }
      memory.asSlice(middle - 4096, 8192).fill((byte) -1);

      for (long place : places) {
        out.u32(place);
        out.put(from, place, remote, place, 4096);
        out.put(from, place + 4096, remote, place + 4096, 4096);
      }
      out.u32(middle);
      out.put(from, middle - 4096, remote, middle - 4096, 8192);
      out.flush();

      assertThat(out.offset()).isEqualTo(5 * (4 + 8192));
      for (long place : places) {
        assertThat(in.u32()).isEqualTo(place);
        in.get(to, place, 8192);
      }
      assertThat(in.u32()).isEqualTo(middle);
      in.get(to, middle - 4096, 8192);
      assertThat(filled.mismatch(memory)).isEqualTo(-1);
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
