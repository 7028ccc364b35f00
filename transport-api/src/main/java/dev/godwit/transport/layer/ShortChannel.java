package dev.godwit.transport.layer;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.ForwardingChannel;
import dev.godwit.transport.support.StreamRegions;
import java.nio.ByteBuffer;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/** Moves everything in pieces of odd sizes: the bytes are the same, no split can be relied on. */
final class ShortChannel extends ForwardingChannel {
  /** Pieces are shorter than 2 to this power: one byte is as likely as many thousand. */
  private static final int MAX_POWER = 17;

  private final RandomGenerator sending;
  private final RandomGenerator receiving;

  ShortChannel(Channel inner, long seed) {
    super(inner);
    sending = new SplittableRandom(seed);
    receiving = new SplittableRandom(~seed);
  }

  private static int piece(RandomGenerator random, long atMost) {
    int power = 1 << random.nextInt(MAX_POWER);
    return (int) Math.min(atMost, power + random.nextInt(power));
  }

  @Override
  public int read(ByteBuffer dst) throws ChannelException {
    if (!dst.hasRemaining()) {
      return inner().read(dst);
    }
    int end = dst.limit();
    try {
      return inner().read(dst.limit(dst.position() + piece(receiving, dst.remaining())));
    } finally {
      dst.limit(end);
    }
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    for (ByteBuffer buffer : src) {
      int end = buffer.limit();
      try {
        while (buffer.position() < end) {
          inner().write(buffer.limit(buffer.position() + piece(sending, end - buffer.position())));
        }
      } finally {
        buffer.limit(end);
      }
    }
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    checkPut(src, srcOffset, dst, dstOffset, length);
    for (long done = 0; done < length; ) {
      int part = piece(sending, length - done);
      inner().put(src, srcOffset + done, dst, dstOffset + done, part);
      done += part;
    }
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    StreamRegions.checkRange(dst, dstOffset, length);
    for (long done = 0; done < length; ) {
      int part = piece(receiving, length - done);
      inner().get(dst, dstOffset + done, part);
      done += part;
    }
  }
}
