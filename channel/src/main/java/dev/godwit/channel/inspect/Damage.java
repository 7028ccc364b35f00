package dev.godwit.channel.inspect;

import java.io.IOException;

/**
 * Why a stream could not be read to its end.
 *
 * @param cause a {@link dev.godwit.channel.stream.StreamException}, which says at which byte what
 *     was expected and what was found, or a {@link dev.godwit.transport.ChannelException}
 * @param within what was being read and where that begins; empty between two items
 */
public record Damage(IOException cause, String within) {
  /** As one sentence. */
  public String sentence() {
    return cause.getMessage() + (within.isEmpty() ? "" : ", in " + within);
  }
}
