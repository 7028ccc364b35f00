package dev.godwit.channel.multifd;

import java.io.IOException;

/**
 * The multifd channels of a migration failed, all of them because of one. The message names that
 * channel; the cause tells what to do next: a {@link dev.godwit.channel.stream.StreamException}, a
 * {@link dev.godwit.transport.ChannelException}, or the reason for which they were given up.
 */
public final class MultifdException extends IOException {
  private static final long serialVersionUID = 1;

  public MultifdException(String message, Throwable cause) {
    super(message, cause);
  }
}
