package dev.godwit.channel.session;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;

/**
 * One way to the other Godwit.
 *
 * @param target for reports
 * @param opening makes a dialer for one link; asked again for each further one
 */
public record Rail(Endpoint target, Opening opening) {

  /** Prepares to dial. */
  @FunctionalInterface
  public interface Opening {
    Dialer open() throws ChannelException;
  }
}
