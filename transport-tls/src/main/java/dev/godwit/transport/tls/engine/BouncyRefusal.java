package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import org.bouncycastle.tls.TlsFatalAlert;

/** A fatal alert of this side that carries its own sentence through bctls. */
final class BouncyRefusal extends TlsFatalAlert {
  private static final long serialVersionUID = 1;

  private final ChannelException why;

  /**
   * @param alert what the peer is told
   */
  BouncyRefusal(short alert, ChannelException why) {
    super(alert);
    this.why = why;
  }

  ChannelException why() {
    return why;
  }
}
