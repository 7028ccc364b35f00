package dev.godwit.channel.inspect;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamException.Kind;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PositionedChannel;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Passes over much of a stream: by moving where the channel has positions, by reading where it has
 * none.
 */
final class Places {
  private static final long FIRST_STEP_BYTES = 64 * 1024;

  private final StreamInput in;
  private final Optional<PositionedChannel> file;
  private final long start;
  private final ByteBuffer probe = ByteBuffer.allocateDirect(1);

  /**
   * @param in of {@code channel}; nothing has been read
   */
  Places(StreamInput in, Channel channel) throws ChannelException {
    this.in = in;
    this.file =
        channel instanceof PositionedChannel positioned
            ? Optional.of(positioned)
            : Optional.empty();
    this.start = file.isPresent() ? file.get().position() : 0;
  }

  boolean isFile() {
    return file.isPresent();
  }

  /** Where the stream begins in its file, in bytes; 0 where there is no file. */
  long start() {
    return start;
  }

  /**
   * Passes over all before {@code offset}, which is counted from the stream's beginning and not
   * before the next byte.
   *
   * @throws StreamException {@link Kind#TRUNCATED} if the stream ends before; the input then stands
   *     at its end
   */
  void skipTo(long offset) throws ChannelException, StreamException {
    long bytes = offset - in.offset();
    if (file.isEmpty() || bytes < FIRST_STEP_BYTES) {
      in.skip(bytes);
      return;
    }
    long end = endWithin(start + in.offset(), start + offset);
    file.get().position(end);
    in.moved(end - start);
    if (end < start + offset) {
      throw new StreamException(
          Kind.TRUNCATED, in.name(), end - start, "The file ends in the pages of a RAM block");
    }
  }

  /**
   * Where the file ends, or {@code limit} if that is not behind its end.
   *
   * @param from not behind its end either
   */
  private long endWithin(long from, long limit) throws ChannelException {
    long inside = from;
    long outside = 0;
    // Never far beyond the end: there are positions that no file has.
    for (long step = FIRST_STEP_BYTES; inside < limit && outside == 0; step *= 2) {
      long next = limit - inside > step ? inside + step : limit;
      if (exists(next - 1)) {
        inside = next;
      } else {
        outside = next;
      }
    }
    if (inside == limit) {
      return limit;
    }
    while (outside - inside > 1) {
      long middle = inside + (outside - inside) / 2;
      if (exists(middle - 1)) {
        inside = middle;
      } else {
        outside = middle;
      }
    }
    return inside;
  }

  private boolean exists(long position) throws ChannelException {
    file.orElseThrow().position(position);
    return file.get().read(probe.clear()) > 0;
  }
}
