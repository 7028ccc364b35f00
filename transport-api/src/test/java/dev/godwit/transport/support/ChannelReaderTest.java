package dev.godwit.transport.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

final class ChannelReaderTest {
  @AutoClose private final Ends ends = Ends.open("");
  private final Channel source = ends.dialled();
  private final ChannelReader reader = new ChannelReader(ends.accepted(), 64);

  ChannelReaderTest() throws ChannelException {}

  private static byte[] array(ByteBuffer view) {
    byte[] bytes = new byte[view.remaining()];
    view.duplicate().get(bytes);
    return bytes;
  }

  @Test
  void looksWithoutTaking() throws Exception {
    Io.send(source, new byte[] {0x51, 0x45, 0x56, 0x4d, 5});
    assertThat(reader.peek(4).getInt()).isEqualTo(0x5145564d);
    assertThat(reader.peek(4).getInt()).isEqualTo(0x5145564d);
    ByteBuffer taken = ByteBuffer.allocate(3);
    assertThat(reader.read(taken)).isEqualTo(3);
    assertThat(taken.array()).containsExactly(0x51, 0x45, 0x56);
    assertThat(array(reader.peek(2))).containsExactly(0x4d, 5);
  }

  @Test
  void waitsForAllItWasAskedFor() throws Exception {
    Io.send(source, new byte[] {1});
    assertThat(reader.peek(1).remaining()).isEqualTo(1);
    Io.send(source, new byte[] {2});
    assertThat(array(reader.peek(2))).containsExactly(1, 2);
  }

  @Test
  void showsFewerAtTheEndOnly() throws Exception {
    Io.send(source, new byte[] {1, 2});
    source.close();
    assertThat(array(reader.peek(4))).containsExactly(1, 2);
    assertThat(array(reader.buffered())).containsExactly(1, 2);
    ByteBuffer all = ByteBuffer.allocate(9);
    assertThat(reader.read(all)).isEqualTo(2);
    assertThat(reader.peek(1).remaining()).isZero();
    assertThat(reader.read(all)).isEqualTo(-1);
  }

  @Test
  void cannotShowMoreThanItHolds() {
    assertThatThrownBy(() -> reader.peek(65)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void whatIsShownCannotBeChanged() throws Exception {
    Io.send(source, new byte[] {1});
    assertThat(reader.peek(1).isReadOnly()).isTrue();
    assertThat(reader.channel()).isSameAs(ends.accepted());
  }

  @Test
  void anyMixOfLookingAndTakingKeepsTheOrder() throws Exception {
    Seed seed = Seed.of("anyMixOfLookingAndTakingKeepsTheOrder");
    Random random = seed.random();
    byte[] all = Io.bytes(random, 20_000);
    Io.send(source, all);
    source.shutdownOutput();
    for (int at = 0; at < all.length; ) {
      if (random.nextBoolean()) {
        int want = random.nextInt(65);
        byte[] seen = array(reader.peek(want));
        assertThat(seen.length).isGreaterThanOrEqualTo(Math.min(want, all.length - at));
        assertThat(seen).isEqualTo(Arrays.copyOfRange(all, at, at + seen.length));
      } else {
        ByteBuffer taken = ByteBuffer.allocate(1 + random.nextInt(100));
        int read = reader.read(taken);
        assertThat(taken.flip()).isEqualTo(ByteBuffer.wrap(all, at, read));
        at += read;
      }
    }
    assertThat(reader.read(ByteBuffer.allocate(1))).isEqualTo(-1);
  }
}
