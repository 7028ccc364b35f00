package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.AEADBadTagException;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLEngineResult.Status;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/** An {@link SSLEngine} as a {@link TlsEngine}. */
final class SslEngineAdapter implements TlsEngine {
  /** JSSE names no alert in its exceptions but in words. */
  private static final Pattern ALERT = Pattern.compile("Received fatal alert: (\\w+)");

  private static final String VERSION_THAT_RENEGOTIATES = "TLSv1.2";
  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  private final SSLEngine engine;
  private final CertificateCheck check;
  private boolean begun;
  private boolean renegotiates;
  private volatile boolean done;
  private volatile boolean ended;
  private volatile boolean violated;

  /** Where JSSE wants more room than a record takes; each for one thread. */
  private @Nullable ByteBuffer spareOut;

  private @Nullable ByteBuffer spareIn;

  SslEngineAdapter(SSLEngine engine, CertificateCheck check) {
    this.engine = engine;
    this.check = check;
  }

  @Override
  public Handshake handshake(ByteBuffer in, ByteBuffer out) throws ChannelException {
    try {
      if (!begun) {
        begun = true;
        engine.beginHandshake();
      }
      while (true) {
        switch (engine.getHandshakeStatus()) {
          case NEED_TASK -> runTasks();
          case NEED_WRAP -> {
            if (out.remaining() < SEALED_BYTES) {
              return Handshake.NEEDS_ROOM;
            }
            if (wrap(NOTHING, out).getStatus() == Status.CLOSED) {
              throw broken();
            }
          }
          case NEED_UNWRAP, NEED_UNWRAP_AGAIN -> {
            int record = Records.whole(in);
            if (record == 0) {
              return Handshake.NEEDS_INPUT;
            }
            if (unwrap(in, record, spareIn()).getStatus() == Status.CLOSED) {
              throw broken();
            }
          }
          case FINISHED, NOT_HANDSHAKING -> {
            done = true;
            renegotiates = engine.getSession().getProtocol().equals(VERSION_THAT_RENEGOTIATES);
            return Handshake.DONE;
          }
        }
      }
    } catch (SSLException e) {
      throw failure(e);
    }
  }

  @Override
  public TlsSession session() {
    String application = engine.getApplicationProtocol();
    return new TlsSession(
        engine.getSession().getProtocol(),
        engine.getSession().getCipherSuite(),
        check.peer(),
        application == null ? "" : application);
  }

  @Override
  public void seal(ByteBuffer src, ByteBuffer out) throws ChannelException {
    try {
      while (src.hasRemaining() && out.remaining() >= SEALED_BYTES) {
        SSLEngineResult result = wrap(src, out);
        if (result.getStatus() == Status.CLOSED) {
          throw new ChannelException.Lost("The TLS connection has ended: nothing more can be sent");
        }
        if (result.getHandshakeStatus() == HandshakeStatus.NEED_TASK) {
          runTasks();
        }
      }
    } catch (SSLException e) {
      throw failure(e);
    }
  }

  @Override
  public Opened open(ByteBuffer in, ByteBuffer dst) throws ChannelException {
    try {
      while (!ended) {
        int record = Records.whole(in);
        if (record == 0) {
          return Opened.NEEDS_INPUT;
        }
        if (renegotiates && Records.isHandshake(in, in.position())) {
          throw Records.renegotiation();
        }
        if (dst.remaining() < RECORD_BYTES) {
          return Opened.NEEDS_ROOM;
        }
        SSLEngineResult result = unwrap(in, record, dst);
        if (result.getHandshakeStatus() == HandshakeStatus.NEED_TASK) {
          runTasks();
        }
        ended = result.getStatus() == Status.CLOSED;
      }
      return Opened.ENDED;
    } catch (ChannelException.Violated e) {
      violated = true;
      throw e;
    } catch (SSLException e) {
      throw failure(e);
    }
  }

  @Override
  public void parting(ByteBuffer out) {
    if (!begun || violated) {
      // JSSE knows nothing of what was refused before it saw it, and would say close_notify.
      return;
    }
    engine.closeOutbound();
    try {
      while (!engine.isOutboundDone() && out.remaining() >= SEALED_BYTES) {
        if (wrap(NOTHING, out).bytesProduced() == 0) {
          return;
        }
      }
    } catch (SSLException e) {
      // The failure has been thrown before; there is no alert for it.
      return;
    }
  }

  @Override
  public void close() {}

  /**
   * Makes a record at most; in a buffer of its own if {@code out} is short for the engine's taste.
   */
  private SSLEngineResult wrap(ByteBuffer src, ByteBuffer out) throws SSLException {
    int wanted = engine.getSession().getPacketBufferSize();
    if (out.remaining() >= wanted) {
      return progress(engine.wrap(src, out));
    }
    ByteBuffer spare = spareOut;
    if (spare == null || spare.capacity() < wanted) {
      spare = ByteBuffer.allocateDirect(wanted);
      spareOut = spare;
    }
    spare.clear();
    SSLEngineResult result = progress(engine.wrap(src, spare));
    out.put(spare.flip());
    return result;
  }

  /** Takes the record of {@code length} bytes that {@code in} begins with. */
  private SSLEngineResult unwrap(ByteBuffer in, int length, ByteBuffer dst) throws SSLException {
    int limit = in.limit();
    in.limit(in.position() + length);
    try {
      SSLEngineResult result = engine.unwrap(in, dst);
      if (result.getStatus() == Status.BUFFER_OVERFLOW) {
        // It counts padding and type as content: RECORD_BYTES are too few in its eyes.
        ByteBuffer spare = spareIn();
        result = engine.unwrap(in, spare);
        dst.put(spare.flip());
      }
      return progress(result);
    } finally {
      in.limit(limit);
    }
  }

  private ByteBuffer spareIn() {
    ByteBuffer spare = spareIn;
    if (spare == null) {
      spare = ByteBuffer.allocateDirect(2 * RECORD_BYTES);
      spareIn = spare;
    }
    return spare.clear();
  }

  /** Room and input are always enough here, so an engine that asks for more would ask for ever. */
  private static SSLEngineResult progress(SSLEngineResult result) throws SSLException {
    Status status = result.getStatus();
    if (status == Status.BUFFER_OVERFLOW || status == Status.BUFFER_UNDERFLOW) {
      throw new SSLException("the engine does not take a whole record");
    }
    return result;
  }

  private void runTasks() {
    Runnable task;
    while ((task = engine.getDelegatedTask()) != null) {
      task.run();
    }
  }

  private static ChannelException broken() {
    return new ChannelException.Lost("The peer ended the connection in the TLS handshake");
  }

  private ChannelException failure(SSLException e) {
    Optional<String> refused = check.refused().map(Throwable::getMessage);
    if (refused.isPresent()) {
      return new ChannelException.Untrusted(refused.get());
    }
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof AEADBadTagException) {
        return Records.damaged();
      }
    }
    String words = String.valueOf(e.getMessage());
    Matcher alert = ALERT.matcher(words);
    if (alert.find()) {
      ChannelException said = Alerts.inHandshake(alert.group(1));
      return done ? Alerts.later(said) : said;
    }
    if (words.contains("Empty client certificate chain")) {
      return new ChannelException.Untrusted("The peer showed no certificate");
    }
    return new ChannelException.Violated(
        (done ? "The peer broke TLS: " : "The TLS handshake failed: ") + plain(words));
  }

  /** Without the name of the alert in front, and without a capital. */
  private static String plain(String words) {
    String bare = words.replaceFirst("^\\(\\w+\\) ", "");
    return bare.isEmpty()
        ? "no reason given"
        : bare.substring(0, 1).toLowerCase(Locale.ROOT) + bare.substring(1);
  }
}
