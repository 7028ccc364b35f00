package dev.godwit.transport.tls;

import static dev.godwit.transport.tls.engine.TlsEngine.RECORD_BYTES;
import static dev.godwit.transport.tls.engine.TlsEngine.SEALED_BYTES;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Layer;
import dev.godwit.transport.tls.credentials.Credentials;
import dev.godwit.transport.tls.credentials.CredentialsDirectory;
import dev.godwit.transport.tls.credentials.CredentialsException;
import dev.godwit.transport.tls.engine.TlsEngine;
import dev.godwit.transport.tls.engine.TlsEngines;
import dev.godwit.transport.tls.engine.TlsSession;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One handshake over one channel, on the thread that wraps it. Its buffers are its own and gone
 * with it.
 *
 * <pre>
 *   client                                     server
 *                                              waits for the first record
 *                                              reads credentials, makes an engine
 *   handshake  &lt;-----------------------------&gt;  handshake
 *   tls-authz                                  tls-authz
 *              &lt;-----------------------------   greeting, between two Godwits
 * </pre>
 */
final class TlsHandshake {
  private static final Logger LOG = LoggerFactory.getLogger(TlsHandshake.class);

  private static final String UNDECIDED = "before it said whether it lets this side in";

  private final Channel inner;
  private final String peer;
  private final Layer.Side side;
  private final TlsEngine engine;
  private final AllowedPeers allowed;
  private final ByteBuffer in;
  private final ByteBuffer out;
  private final ByteBuffer opened;

  private TlsHandshake(
      Channel inner,
      Layer.Side side,
      TlsEngine engine,
      AllowedPeers allowed,
      ByteBuffer first,
      Arena arena) {
    this.inner = inner;
    this.peer = TlsTransport.named(inner);
    this.side = side;
    this.engine = engine;
    this.allowed = allowed;
    this.in = arena.allocate(2L * SEALED_BYTES).asByteBuffer().put(first).flip();
    this.out = arena.allocate(2L * SEALED_BYTES).asByteBuffer();
    this.opened = arena.allocate(2L * RECORD_BYTES).asByteBuffer().limit(0);
  }

  /**
   * @param host that is dialled, if the address has one
   */
  static Layer.Wrapping client(TlsOptions options, Optional<String> host) {
    Optional<String> hostname = options.hostname().or(() -> host);
    return (inner, deadline) -> inTime(inner, deadline, () -> dial(options, hostname, inner));
  }

  static Layer.Wrapping server(TlsOptions options) {
    return (inner, deadline) -> inTime(inner, deadline, () -> accept(options, inner));
  }

  /** Something that waits for the peer. */
  @FunctionalInterface
  private interface Waiting {
    Channel run() throws ChannelException, CredentialsException;
  }

  private static Channel inTime(Channel inner, Deadline deadline, Waiting waiting)
      throws ChannelException {
    if (!inner.info().capabilities().bidirectional()) {
      throw new ChannelException.Unsupported(
          "TLS needs a connection both ways, which " + TlsTransport.named(inner) + " is not");
    }
    ChannelException.TimedOut late =
        new ChannelException.TimedOut(
            "The TLS handshake with " + TlsTransport.named(inner) + " was not done in time");
    try (Patience patience = new Patience(deadline, () -> inner.abort(late))) {
      Channel established;
      try {
        established = waiting.run();
      } catch (ChannelException e) {
        throw patience.hasActed() ? late : e;
      } catch (CredentialsException e) {
        throw new ChannelException.Refused(String.valueOf(e.getMessage()), e);
      }
      if (patience.hasActed()) {
        established.close();
        throw late;
      }
      return established;
    }
  }

  private static Channel dial(TlsOptions options, Optional<String> hostname, Channel inner)
      throws ChannelException, CredentialsException {
    try (Arena arena = Arena.ofConfined();
        Credentials credentials = options.read(CredentialsDirectory.Side.CLIENT)) {
      TlsEngine engine = TlsEngines.client(credentials, hostname, options.engine());
      return new TlsHandshake(
              inner,
              Layer.Side.DIALLING,
              engine,
              new AllowedPeers(options.authz()),
              ByteBuffer.allocate(0),
              arena)
          .run();
    }
  }

  private static Channel accept(TlsOptions options, Channel inner)
      throws ChannelException, CredentialsException {
    try (Arena arena = Arena.ofConfined()) {
      ByteBuffer first = FirstRecord.await(inner, arena);
      try (Credentials credentials = options.read(CredentialsDirectory.Side.SERVER)) {
        TlsEngine engine = TlsEngines.server(credentials, options.engine());
        return new TlsHandshake(
                inner,
                Layer.Side.ACCEPTING,
                engine,
                new AllowedPeers(options.authz()),
                first,
                arena)
            .run();
      }
    }
  }

  private Channel run() throws ChannelException {
    boolean done = false;
    try {
      shakeHands();
      TlsSession session = engine.session();
      boolean godwit = session.application().equals(TlsEngines.GODWIT);
      if (side == Layer.Side.ACCEPTING) {
        letIn(session, godwit);
      } else {
        allowed.check(session.peer());
        if (godwit) {
          awaitGreeting();
        }
      }
      Channel channel = new TlsChannel(inner, engine, side, in, opened);
      done = true;
      LOG.info(
          "{} {}: {} {}, peer {}",
          side == Layer.Side.DIALLING ? "Dialled" : "Accepted",
          peer,
          session.protocol(),
          session.cipher(),
          channel.info().identity());
      return channel;
    } catch (ChannelException.Untrusted | ChannelException.Violated e) {
      part();
      throw e;
    } finally {
      if (!done) {
        engine.close();
      }
    }
  }

  private void shakeHands() throws ChannelException {
    boolean first = side == Layer.Side.DIALLING;
    while (true) {
      TlsEngine.Handshake state = engine.handshake(in, out);
      send();
      switch (state) {
        case DONE -> {
          return;
        }
        case NEEDS_ROOM -> {}
        case NEEDS_INPUT -> {
          receive("during the TLS handshake");
          if (first) {
            first = false;
            FirstRecord.check(inner, in.duplicate().position(in.limit()));
          }
        }
      }
    }
  }

  private void letIn(TlsSession session, boolean godwit) throws ChannelException {
    try {
      allowed.check(session.peer());
    } catch (ChannelException.Untrusted e) {
      if (godwit) {
        greet(String.valueOf(e.getMessage()));
      }
      throw e;
    }
    if (godwit) {
      greet("");
    }
  }

  private void greet(String refusal) throws ChannelException {
    opened.clear();
    Greeting.write(refusal, opened);
    engine.seal(opened.flip(), out);
    send();
  }

  private void awaitGreeting() throws ChannelException {
    opened.clear();
    while (true) {
      TlsEngine.Opened why = engine.open(in, opened);
      if (Greeting.isWhole(opened)) {
        break;
      }
      if (why == TlsEngine.Opened.ENDED) {
        throw new ChannelException.Lost(peer + " ended " + UNDECIDED);
      }
      receive(UNDECIDED);
    }
    String refusal = Greeting.read(opened.flip());
    if (!refusal.isEmpty()) {
      throw new ChannelException.Untrusted(peer + " refuses this side: " + refusal);
    }
  }

  private void send() throws ChannelException {
    out.flip();
    if (out.hasRemaining()) {
      inner.write(out);
      inner.flush();
    }
    out.clear();
  }

  /**
   * Waits for more.
   *
   * @param when for the sentence if there is no more
   */
  private void receive(String when) throws ChannelException {
    in.compact();
    int read;
    try {
      if (!in.hasRemaining()) {
        throw new ChannelException.Violated(peer + " sent a record longer than TLS allows");
      }
      read = inner.read(in);
    } catch (ChannelException.Lost e) {
      throw new ChannelException.Lost(peer + " broke the connection off " + when, e);
    } finally {
      in.flip();
    }
    if (read < 0) {
      throw new ChannelException.Lost(peer + " ended the connection " + when);
    }
  }

  /** Tells the peer what is wrong, and ends in order so that it can be read there. */
  private void part() {
    try {
      out.clear();
      engine.parting(out);
      send();
      inner.close();
    } catch (ChannelException e) {
      LOG.debug("{} cannot be told what is wrong: {}", peer, e.getMessage());
    }
  }
}
