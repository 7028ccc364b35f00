package dev.godwit.transport.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Layer;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.ForwardingChannel;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Shows that a layer which encrypts never hands a put on, for then guest memory would travel in
 * clear beside the encrypted stream.
 */
public final class PlacedBytesProbe {
  private static final String RAM = "pc.ram";
  private static final byte[] SECRET =
      "The guest's own memory, and nobody else's".getBytes(StandardCharsets.UTF_8);

  private PlacedBytesProbe() {}

  /** What passes beneath a layer. */
  private static final class Spy extends ForwardingChannel {
    private final ByteArrayOutputStream wire = new ByteArrayOutputStream();
    private boolean placed;

    Spy(Channel inner) {
      super(inner);
    }

    @Override
    public void write(ByteBuffer... src) throws ChannelException {
      for (ByteBuffer buffer : src) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        wire.writeBytes(bytes);
      }
      inner().write(src);
    }

    @Override
    public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
        throws ChannelException {
      placed = true;
      inner().put(src, srcOffset, dst, dstOffset, length);
    }

    private boolean shows(byte[] secret) {
      return wire.toString(StandardCharsets.ISO_8859_1)
          .contains(new String(secret, StandardCharsets.ISO_8859_1));
    }
  }

  /**
   * Puts a secret through a layer and looks at what comes out beneath it.
   *
   * @param dialling the layer at the sender, above {@code out}
   * @param accepting the layer at the receiver, above {@code in}
   */
  public static void check(
      Channel out, Channel in, Layer.Wrapping dialling, Layer.Wrapping accepting)
      throws ChannelException {
    Spy spy = new Spy(out);
    Task<Channel> wrapping = Task.start("wrap", () -> accepting.wrap(in, Pair.soon()));
    Channel sender = dialling.wrap(spy, Pair.soon());
    Channel receiver = wrapping.result();
    try (Arena arena = Arena.ofShared();
        Region src =
            sender.info().peer().register(RAM, arena.allocate(SECRET.length), Access.LOCAL);
        Region dst =
            receiver
                .info()
                .peer()
                .register(RAM, arena.allocate(SECRET.length), Access.REMOTE_WRITE)) {
      Io.fill(src.memory(), 0, SECRET);
      Threads.run(
          () -> {
            sender.put(src, 0, sender.info().peer().remote(RAM, Pair.soon()), 0, SECRET.length);
            sender.flush();
            sender.barrier();
          },
          () -> {
            receiver.get(dst, 0, SECRET.length);
            receiver.barrier();
          });
      assertThat(Io.copy(dst.memory(), 0, SECRET.length)).isEqualTo(SECRET);
    }
    assertThat(spy.placed).as("a put went past the layer").isFalse();
    assertThat(spy.shows(SECRET)).as("the secret stands on the wire").isFalse();
    sender.close();
    receiver.close();
  }
}
