package dev.godwit.lab.engine;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.ForwardingChannel;
import java.nio.ByteBuffer;
import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;

/**
 * A channel on which nothing moves any more, in one direction or both, and that nobody ends but who
 * gives it up.
 */
final class SilentChannel extends ForwardingChannel {
  private final BooleanSupplier nothingIn;
  private final BooleanSupplier nothingOut;
  private final CountDownLatch over = new CountDownLatch(1);

  /**
   * @param nothingIn asked before each read
   * @param nothingOut asked before each write
   */
  SilentChannel(Channel inner, BooleanSupplier nothingIn, BooleanSupplier nothingOut) {
    super(inner);
    this.nothingIn = nothingIn;
    this.nothingOut = nothingOut;
  }

  private void hang(BooleanSupplier silent) throws ChannelException {
    if (silent.getAsBoolean()) {
      try {
        over.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new ChannelException.Aborted("Interrupted", e);
      }
    }
  }

  @Override
  public int read(ByteBuffer dst) throws ChannelException {
    hang(nothingIn);
    return super.read(dst);
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    hang(nothingIn);
    super.get(dst, dstOffset, length);
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    hang(nothingOut);
    super.write(src);
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    hang(nothingOut);
    super.put(src, srcOffset, dst, dstOffset, length);
  }

  @Override
  public void abort(Throwable cause) {
    super.abort(cause);
    over.countDown();
  }

  @Override
  public void close() throws ChannelException {
    over.countDown();
    super.close();
  }
}
