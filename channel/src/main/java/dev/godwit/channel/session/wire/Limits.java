package dev.godwit.channel.session.wire;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;

/**
 * What a side can take, and when it gives up (docs/sessions.md, "Hello").
 *
 * @param windowBytes how much of a stream may be on its way to this side
 * @param chunkBytes the longest chunk that this side takes
 * @param detectMillis the silence after which this side takes a link for dead
 * @param resumeMillis how long this side waits for a network that is away
 */
public record Limits(int windowBytes, int chunkBytes, int detectMillis, int resumeMillis) {
  /** Less makes a chunk of every page. */
  public static final int MIN_WINDOW_BYTES = 64 * 1024;

  /** What a ring in one piece of memory can be. */
  public static final int MAX_WINDOW_BYTES = 1 << 30;

  public static final int MIN_CHUNK_BYTES = 4096;
  public static final int MIN_DETECT_MILLIS = 50;

  void encode(ByteBuffer out) {
    out.putInt(windowBytes).putInt(chunkBytes).putInt(detectMillis).putInt(resumeMillis);
  }

  static Limits decode(ByteBuffer src) throws ChannelException {
    Limits limits = new Limits(src.getInt(), src.getInt(), src.getInt(), src.getInt());
    if (limits.windowBytes < MIN_WINDOW_BYTES || limits.windowBytes > MAX_WINDOW_BYTES) {
      throw new ChannelException.Violated(
          "A window of " + Integer.toUnsignedString(limits.windowBytes) + " bytes makes no sense");
    }
    if (limits.chunkBytes < MIN_CHUNK_BYTES || limits.chunkBytes > FrameHeader.MAX_PAYLOAD_BYTES) {
      throw new ChannelException.Violated(
          "Chunks of " + Integer.toUnsignedString(limits.chunkBytes) + " bytes make no sense");
    }
    if (limits.detectMillis < MIN_DETECT_MILLIS || limits.resumeMillis < 0) {
      throw new ChannelException.Violated(
          "A peer that takes a link for dead after "
              + limits.detectMillis
              + " ms and waits "
              + limits.resumeMillis
              + " ms makes no sense");
    }
    return limits;
  }
}
