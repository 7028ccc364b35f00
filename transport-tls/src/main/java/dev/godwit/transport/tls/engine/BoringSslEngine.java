package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import io.netty.internal.tcnative.Buffer;
import io.netty.internal.tcnative.SSL;
import io.netty.internal.tcnative.SSLContext;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * One connection of BoringSSL. Many records are sealed in one native call, each is opened by one.
 *
 * <p>BoringSSL reads and writes through a BIO that is lent the caller's memory for the time of a
 * call: to read records from, or to write them to. What it writes while it reads, an alert for
 * example, the BIO keeps until it is flushed. One thread at a time is in there.
 */
final class BoringSslEngine implements TlsEngine {
  /** Room in the BIO for what is written while reading; a flight that needs more goes on later. */
  private static final int KEPT_BYTES = 4096;

  private final CertificateCheck check;
  private final long context;
  private final long bio;
  private long ssl;
  private boolean done;
  private boolean ended;
  private boolean failed;
  private boolean parted;
  private boolean renegotiates;
  private @Nullable TlsSession session;

  /**
   * @param context belongs to this object from now on, and so does {@code ssl}
   */
  BoringSslEngine(long context, long ssl, CertificateCheck check) {
    this.context = context;
    this.ssl = ssl;
    this.check = check;
    bio = SSL.bioNewByteBuffer(ssl, KEPT_BYTES);
  }

  @Override
  public synchronized Handshake handshake(ByteBuffer in, ByteBuffer out) throws ChannelException {
    live();
    while (true) {
      int wants = shake(out);
      if (done) {
        return Handshake.DONE;
      }
      if (wants == SSL.SSL_ERROR_WANT_WRITE) {
        return Handshake.NEEDS_ROOM;
      }
      int record = wholeRecord(in);
      if (record == 0) {
        return Handshake.NEEDS_INPUT;
      }
      lendToRead(in, record);
      int code = SSL.doHandshake(ssl);
      int left = SSL.bioLengthByteBuffer(bio);
      in.position(in.position() + record - left);
      wanted(code);
      SSL.bioClearByteBuffer(bio);
    }
  }

  /** Sends what there is, and goes on without input; what BoringSSL wants then. */
  private int shake(ByteBuffer out) throws ChannelException {
    lendToWrite(out);
    SSL.bioFlushByteBuffer(bio);
    int code = SSL.doHandshake(ssl);
    written(out);
    int wants = wanted(code);
    if (code == 1) {
      session =
          new TlsSession(
              SSL.getVersion(ssl),
              cipher(SSL.getCipherForSSL(ssl)),
              check.peer(),
              orEmpty(SSL.getAlpnSelected(ssl)));
      renegotiates = session.protocol().equals("TLSv1.2");
      done = true;
    }
    return wants;
  }

  /** What BoringSSL wants that returned {@code code}; a failure is thrown. */
  private int wanted(int code) throws ChannelException {
    if (code > 0) {
      return SSL.SSL_ERROR_NONE;
    }
    int error = SSL.getError(ssl, code);
    if (error == SSL.SSL_ERROR_WANT_READ || error == SSL.SSL_ERROR_WANT_WRITE) {
      return error;
    }
    if (error == SSL.SSL_ERROR_ZERO_RETURN) {
      throw failed(new ChannelException.Lost("The peer ended the connection in the TLS handshake"));
    }
    throw failed(BoringSslFailures.taken(check, done));
  }

  @Override
  public synchronized TlsSession session() {
    TlsSession settled = session;
    if (settled == null) {
      throw new IllegalStateException("The handshake is not done");
    }
    return settled;
  }

  @Override
  public synchronized void seal(ByteBuffer src, ByteBuffer out) throws ChannelException {
    live();
    if (failed || parted) {
      throw new ChannelException.Lost("The TLS connection has ended: nothing more can be sent");
    }
    while (src.hasRemaining() && out.remaining() >= SEALED_BYTES) {
      int most = out.remaining() / SEALED_BYTES * RECORD_BYTES;
      int length = Math.min(src.remaining(), most);
      lendToWrite(out);
      SSL.bioFlushByteBuffer(bio);
      int taken = SSL.writeToSSL(ssl, Buffer.address(src) + src.position(), length);
      written(out);
      if (taken <= 0) {
        throw failed(BoringSslFailures.taken(check, true));
      }
      src.position(src.position() + taken);
    }
  }

  @Override
  public synchronized Opened open(ByteBuffer in, ByteBuffer dst) throws ChannelException {
    live();
    while (!ended) {
      int records = 0;
      int at = in.position();
      int room = dst.remaining();
      int length = wholeRecord(in);
      if (length == 0) {
        return Opened.NEEDS_INPUT;
      }
      while (length > 0 && room >= RECORD_BYTES) {
        records++;
        at += length;
        room -= Math.min(length, RECORD_BYTES);
        length = recordBehind(in, at);
      }
      if (records == 0) {
        return Opened.NEEDS_ROOM;
      }
      open(in, at - in.position(), records, dst);
    }
    return Opened.ENDED;
  }

  /** Opens whole records of {@code length} bytes together, for which there is room. */
  private void open(ByteBuffer in, int length, int records, ByteBuffer dst)
      throws ChannelException {
    long into = Buffer.address(dst);
    lendToRead(in, length);
    try {
      for (int i = 0; i < records; i++) {
        int read = SSL.readFromSSL(ssl, into + dst.position(), dst.remaining());
        if (read > 0) {
          dst.position(dst.position() + read);
          continue;
        }
        int error = SSL.getError(ssl, read);
        if (error == SSL.SSL_ERROR_ZERO_RETURN) {
          ended = true;
          return;
        }
        if (error == SSL.SSL_ERROR_WANT_READ) {
          // A record of TLS's own was among them, and BoringSSL has gone on to the end already.
          return;
        }
        throw failed(BoringSslFailures.taken(check, true));
      }
    } finally {
      in.position(in.position() + length - SSL.bioLengthByteBuffer(bio));
      SSL.bioClearByteBuffer(bio);
    }
  }

  /** The first record's length, 0 if it is not whole. */
  private int wholeRecord(ByteBuffer in) throws ChannelException {
    int length;
    try {
      length = Records.whole(in);
    } catch (ChannelException.Violated e) {
      throw failed(e);
    }
    if (length > 0 && renegotiates && Records.isHandshake(in, in.position())) {
      throw failed(Records.renegotiation());
    }
    return length;
  }

  /** The length of one that follows; 0 too if it is to be refused, but not before its turn. */
  private int recordBehind(ByteBuffer in, int at) {
    try {
      int length = Records.wholeAt(in, at);
      return length > 0 && renegotiates && Records.isHandshake(in, at) ? 0 : length;
    } catch (ChannelException.Violated later) {
      return 0;
    }
  }

  @Override
  public synchronized void parting(ByteBuffer out) {
    if (ssl == 0) {
      return;
    }
    lendToWrite(out);
    SSL.bioFlushByteBuffer(bio);
    if (done && !failed && !parted) {
      SSL.shutdownSSL(ssl);
      SSL.clearError();
    }
    parted = true;
    written(out);
  }

  @Override
  public synchronized void close() {
    if (ssl != 0) {
      SSL.freeSSL(ssl);
      SSLContext.free(context);
      ssl = 0;
    }
  }

  private void live() throws ChannelException.Aborted {
    if (ssl == 0) {
      throw new ChannelException.Aborted("The TLS connection is closed", null);
    }
  }

  private ChannelException failed(ChannelException failure) {
    failed = true;
    SSL.bioClearByteBuffer(bio);
    return failure;
  }

  private void lendToRead(ByteBuffer in, int length) {
    SSL.bioSetByteBuffer(bio, Buffer.address(in) + in.position(), length, false);
  }

  private void lendToWrite(ByteBuffer out) {
    SSL.bioSetByteBuffer(bio, Buffer.address(out) + out.position(), out.remaining(), true);
  }

  /** Takes the memory back, and moves {@code out} past what was written. */
  private void written(ByteBuffer out) {
    out.position(out.limit() - SSL.bioLengthByteBuffer(bio));
    SSL.bioClearByteBuffer(bio);
  }

  /** BoringSSL tells the suites of 1.2 by OpenSSL's names. */
  private static String cipher(String name) {
    return switch (name) {
      case "ECDHE-ECDSA-AES128-GCM-SHA256" -> "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
      case "ECDHE-RSA-AES128-GCM-SHA256" -> "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
      case "ECDHE-ECDSA-AES256-GCM-SHA384" -> "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
      case "ECDHE-RSA-AES256-GCM-SHA384" -> "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
      default -> name;
    };
  }

  private static String orEmpty(@Nullable String text) {
    return text == null ? "" : text;
  }
}
