package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;
import org.bouncycastle.tls.AlertDescription;
import org.bouncycastle.tls.ContentType;
import org.bouncycastle.tls.TlsFatalAlert;
import org.bouncycastle.tls.TlsFatalAlertReceived;
import org.bouncycastle.tls.TlsProtocol;
import org.jspecify.annotations.Nullable;

/**
 * bctls without its streams. Two locks: whoever reads holds {@code inbound}, whoever makes output
 * {@link BouncyWire#outbound}; taken in this order, and never while waiting for a peer.
 */
final class BouncyEngine implements TlsEngine {
  private static final int HEADER_BYTES = 5;

  /** The most that TLS 1.3 lets follow a header. */
  private static final int MAX_FRAGMENT_BYTES = RECORD_BYTES + 256;

  /**
   * Records in a row that bring no data. A handshake has some dozens at the worst; more is a peer
   * that keeps this side busy.
   */
  private static final int MAX_IDLE_RECORDS = 256;

  /** Less than a tenth of what RFC 8446 5.5 lets one key of AES-GCM seal: 16 GiB. */
  private static final long RECORDS_PER_KEY = 1L << 20;

  private final ReentrantLock inbound = new ReentrantLock();
  private final BouncyCrypto crypto;
  private final BouncyTerms terms;
  private final BouncyPeer peer;
  private final TlsProtocol protocol;
  private final BouncyWire.Hooks hooks;
  private final BouncyWire wire;

  private final byte[] sealed = new byte[HEADER_BYTES + MAX_FRAGMENT_BYTES];

  private boolean begun;
  private int idle;
  private boolean parted;
  private volatile @Nullable ChannelException failure;

  <P extends TlsProtocol & BouncyWire.Hooks> BouncyEngine(
      BouncyCrypto crypto, BouncyTerms terms, BouncyPeer peer, P protocol, BouncyWire wire) {
    this.crypto = crypto;
    this.terms = terms;
    this.peer = peer;
    this.protocol = protocol;
    this.hooks = protocol;
    this.wire = wire;
  }

  @Override
  public Handshake handshake(ByteBuffer in, ByteBuffer out) throws ChannelException {
    inbound.lock();
    try {
      checkWhole();
      if (!begun) {
        begun = true;
        hooks.begin();
      }
      while (true) {
        if (!drain(out)) {
          return Handshake.NEEDS_ROOM;
        }
        if (wire.established()) {
          peer.forget();
          return Handshake.DONE;
        }
        if (!feed(in)) {
          return Handshake.NEEDS_INPUT;
        }
      }
    } catch (IOException e) {
      throw fail(e);
    } finally {
      inbound.unlock();
    }
  }

  @Override
  public TlsSession session() {
    requireEstablished();
    return new TlsSession(terms.protocol(), terms.cipher(), peer.proven(), peer.application());
  }

  @Override
  public void seal(ByteBuffer src, ByteBuffer out) throws ChannelException {
    wire.outbound.lock();
    try {
      checkWhole();
      requireEstablished();
      BouncyCipher cipher = crypto.latest().orElseThrow();
      while (src.hasRemaining() && out.remaining() >= SEALED_BYTES) {
        if (wire.alerted()) {
          throw new ChannelException.Violated("Nothing can follow the last record of TLS");
        }
        int length = Math.min(src.remaining(), RECORD_BYTES);
        if (wire.owesKey() || (terms == BouncyTerms.PSK && cipher.sealed() >= RECORDS_PER_KEY)) {
          hooks.renewKey();
          wire.oweKey(false);
          drain(out);
        }
        cipher.seal(src, length, out);
      }
    } catch (IOException e) {
      throw fail(e);
    } finally {
      wire.outbound.unlock();
    }
  }

  @Override
  public Opened open(ByteBuffer in, ByteBuffer dst) throws ChannelException {
    inbound.lock();
    wire.sink(dst);
    try {
      checkWhole();
      requireEstablished();
      while (!wire.ended()) {
        if (dst.remaining() < RECORD_BYTES) {
          return holdsRecord(in) ? Opened.NEEDS_ROOM : Opened.NEEDS_INPUT;
        }
        if (!feed(in)) {
          return Opened.NEEDS_INPUT;
        }
      }
      return Opened.ENDED;
    } catch (IOException e) {
      throw fail(e);
    } finally {
      wire.noSink();
      inbound.unlock();
    }
  }

  @Override
  public void parting(ByteBuffer out) {
    wire.outbound.lock();
    try {
      if (parted) {
        return;
      }
      parted = true;
      if (wire.established() && failure == null && !wire.alerted()) {
        hooks.farewell();
      }
      drain(out);
    } catch (IOException e) {
      failed(e);
    } finally {
      wire.outbound.unlock();
    }
  }

  @Override
  public void close() {
    inbound.lock();
    wire.outbound.lock();
    try {
      peer.forget();
      hooks.destroyKeys();
      crypto.latest().ifPresent(BouncyCipher::clear);
      Arrays.fill(sealed, (byte) 0);
      if (failure == null) {
        failure = new ChannelException.Aborted("The TLS engine is closed", null);
      }
    } finally {
      wire.outbound.unlock();
      inbound.unlock();
    }
  }

  /** Hands on one record, opened in place; false if none is whole. */
  private boolean feed(ByteBuffer in) throws IOException {
    if (!holdsRecord(in)) {
      return false;
    }
    int length = HEADER_BYTES + fragment(in);
    in.get(sealed, 0, length);
    protocol.offerInput(sealed, 0, length);
    idle = wire.moved() ? 0 : idle + 1;
    if (idle > MAX_IDLE_RECORDS) {
      BouncyRefusal tooMany =
          new BouncyRefusal(
              AlertDescription.unexpected_message,
              new ChannelException.Violated(
                  "The peer sent " + idle + " TLS records in a row without data"));
      hooks.breakOff(tooMany);
      throw tooMany;
    }
    return true;
  }

  /** Whether a whole record is there; fails if what is there will not become one. */
  private boolean holdsRecord(ByteBuffer in) throws IOException {
    if (in.remaining() < HEADER_BYTES) {
      return false;
    }
    int type = in.get(in.position());
    int length = fragment(in);
    if (type < ContentType.change_cipher_spec
        || type > ContentType.application_data
        || length > MAX_FRAGMENT_BYTES) {
      TlsFatalAlert broken =
          new TlsFatalAlert(
              length > MAX_FRAGMENT_BYTES
                  ? AlertDescription.record_overflow
                  : AlertDescription.unexpected_message);
      hooks.breakOff(broken);
      throw broken;
    }
    return in.remaining() >= HEADER_BYTES + length;
  }

  private static int fragment(ByteBuffer in) {
    int at = in.position() + HEADER_BYTES - 2;
    return Byte.toUnsignedInt(in.get(at)) * 256 + Byte.toUnsignedInt(in.get(at + 1));
  }

  /** Moves output; false if some is left. */
  private boolean drain(ByteBuffer out) {
    wire.outbound.lock();
    try {
      int length = Math.min(protocol.getAvailableOutputBytes(), out.remaining());
      if (length > 0) {
        protocol.readOutput(out, length);
      }
      return protocol.getAvailableOutputBytes() == 0;
    } finally {
      wire.outbound.unlock();
    }
  }

  private void requireEstablished() {
    if (!wire.established()) {
      throw new IllegalStateException("The handshake is not done");
    }
  }

  private void checkWhole() throws ChannelException {
    ChannelException first = failure;
    if (first != null) {
      throw first;
    }
  }

  private ChannelException fail(IOException e) {
    ChannelException meant = failed(e);
    peer.forget();
    return meant;
  }

  /** What {@code e} means; the first failure stays. */
  private ChannelException failed(IOException e) {
    ChannelException first = failure;
    if (first != null) {
      return first;
    }
    boolean early = !wire.established();
    ChannelException meant =
        switch (e) {
          case ChannelException known -> known;
          case BouncyRefusal refusal -> refusal.why();
          case TlsFatalAlertReceived alert ->
              early
                  ? peer.refused(alert.getAlertDescription())
                  : BouncyAlerts.received(alert.getAlertDescription());
          case TlsFatalAlert alert ->
              early
                  ? peer.failed(alert.getAlertDescription())
                  : BouncyAlerts.raised(alert.getAlertDescription());
          default -> new ChannelException.Violated("TLS cannot go on: " + e.getMessage());
        };
    failure = meant;
    return meant;
  }
}
