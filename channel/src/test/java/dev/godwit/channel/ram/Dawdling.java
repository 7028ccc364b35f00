package dev.godwit.channel.ram;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.support.ForwardingChannel;
import java.nio.ByteBuffer;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;

/** A channel whose reader comes late now and then, and takes little at a time. */
public final class Dawdling extends ForwardingChannel {
  private static final int LATE_ONE_IN = 20;
  private static final int MOST_NANOS = 2_000_000;
  private static final int MOST_BYTES = 20_000;

  private final Random random;

  public Dawdling(Channel inner, Random random) {
    super(inner);
    this.random = random;
  }

  private void dawdle() {
    if (random.nextInt(LATE_ONE_IN) == 0) {
      LockSupport.parkNanos(random.nextInt(MOST_NANOS));
    }
  }

  @Override
  public int read(ByteBuffer dst) throws ChannelException {
    dawdle();
    int limit = dst.limit();
    dst.limit(dst.position() + Math.min(dst.remaining(), 1 + random.nextInt(MOST_BYTES)));
    try {
      return super.read(dst);
    } finally {
      dst.limit(limit);
    }
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    dawdle();
    super.get(dst, dstOffset, length);
  }

  @Override
  public void barrier() throws ChannelException {
    dawdle();
    super.barrier();
  }
}
