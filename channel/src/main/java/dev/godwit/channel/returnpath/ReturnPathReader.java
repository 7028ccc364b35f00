package dev.godwit.channel.returnpath;

import dev.godwit.channel.returnpath.ReturnPathMessage.RequestPages;
import dev.godwit.channel.returnpath.ReturnPathMessage.RequestPagesOf;
import dev.godwit.channel.returnpath.ReturnPathMessage.Shut;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.ChannelException;
import java.util.Optional;

/**
 * The messages of one connection's return path, one after the other. It sees to what one message
 * means for the next: SHUT is the last, and pages of the same block as before need one before. One
 * thread uses it.
 */
public final class ReturnPathReader {
  private final StreamInput in;
  private final long maxBitmapBytes;
  private String block = "";
  private boolean shut;

  /**
   * @param in stays the caller's, and is read by nobody else
   * @param maxBitmapBytes how long the largest bitmap of a RAM block can be
   */
  public ReturnPathReader(StreamInput in, long maxBitmapBytes) {
    this.in = in;
    this.maxBitmapBytes = maxBitmapBytes;
  }

  /**
   * Waits for the next message; empty once SHUT was read or the destination has ended. Without a
   * SHUT before, the destination did not say that it succeeded.
   */
  public Optional<ReturnPathMessage> next() throws ChannelException, StreamException {
    if (shut || !in.hasMore()) {
      return Optional.empty();
    }
    long start = in.offset();
    ReturnPathMessage message = ReturnPathMessage.read(in, maxBitmapBytes);
    switch (message) {
      case RequestPagesOf request -> block = request.block();
      case RequestPages ignored -> {
        if (block.isEmpty()) {
          throw in.malformed(start, "Pages are requested of no block");
        }
      }
      case Shut ignored -> shut = true;
      default -> {}
    }
    return Optional.of(message);
  }

  /** The block that {@link RequestPages} is about; empty before the first request. */
  public String requestedBlock() {
    return block;
  }
}
