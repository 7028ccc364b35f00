package dev.godwit.channel.stream;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;

/** Takes bytes of a stream as they pass. */
@FunctionalInterface
public interface ByteSink {
  /**
   * @param piece the next bytes up to its limit, read-only; it is the caller's again on return
   */
  void take(ByteBuffer piece) throws ChannelException, StreamException;

  /** Hands the next {@code bytes} of {@code in} to {@code sink}. */
  static void pass(StreamInput in, long bytes, ByteSink sink)
      throws ChannelException, StreamException {
    for (long done = 0; done < bytes; ) {
      ByteBuffer ahead = in.peek(1);
      int part = (int) Math.min(ahead.remaining(), bytes - done);
      sink.take(ahead.limit(ahead.position() + part));
      // At the stream's end this says so.
      in.skip(Math.max(part, 1));
      done += part;
    }
  }
}
