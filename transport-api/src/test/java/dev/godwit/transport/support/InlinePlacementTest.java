package dev.godwit.transport.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Threads;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

final class InlinePlacementTest {
  private static final int BYTES = 1_000_003;

  @AutoClose private final Arena arena = Arena.ofShared();
  @AutoClose private final Ends ends = Ends.open("placement=direct&buffer=1000");
  private final Channel sender = ends.dialled();
  private final Channel receiver = ends.accepted();
  private final InlinePlacement out = new InlinePlacement(sender);
  private final InlinePlacement in = new InlinePlacement(receiver);
  private final Region src =
      sender.info().peer().register("src", arena.allocate(BYTES), Access.LOCAL);
  private final Region dst =
      receiver.info().peer().register("dst", arena.allocate(BYTES), Access.REMOTE_WRITE);
  private final RemoteRegion there =
      sender.info().peer().remote("dst", Deadline.after(Await.LIMIT));

  InlinePlacementTest() throws ChannelException {}

  @Test
  void bytesTravelInTheStream() throws Exception {
    byte[] bytes = Io.bytes(Seed.of("bytesTravelInTheStream").random(), BYTES);
    Io.fill(src.memory(), 0, bytes);
    Threads.run(
        () -> {
          out.put(src, 3, there, 5, BYTES - 5);
          sender.flush();
        },
        () -> in.get(dst, 5, BYTES - 5));
    assertThat(ByteBuffer.wrap(Io.copy(dst.memory(), 5, BYTES - 5)))
        .isEqualTo(ByteBuffer.wrap(bytes, 3, BYTES - 5));
    assertThat(sender.stats().bytesWritten()).isEqualTo(BYTES - 5);
    assertThat(sender.stats().bytesPut()).isZero();
  }

  @Test
  void boundsAreCheckedBeforeAnythingIsSent() {
    long max = Long.MAX_VALUE;
    for (long[] bad : new long[][] {{-1, 1}, {0, -1}, {0, BYTES + 1}, {BYTES, 1}, {max, max}}) {
      assertThatThrownBy(() -> out.put(src, bad[0], there, 0, bad[1]))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> in.get(dst, bad[0], bad[1]))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
    assertThatThrownBy(() -> out.put(src, 0, there, -1, 1))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> out.put(src, 0, there, max, 1))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThat(sender.stats().bytesWritten()).isZero();
  }

  @Test
  void anEarlyEndIsToldWithWhatIsMissing() throws Exception {
    out.put(src, 0, there, 0, 10);
    sender.shutdownOutput();
    assertThatThrownBy(() -> in.get(dst, 0, 15))
        .isInstanceOf(ChannelException.EndedEarly.class)
        .hasMessageContaining("5 bytes");
  }
}
