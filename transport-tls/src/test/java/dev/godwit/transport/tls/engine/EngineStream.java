package dev.godwit.transport.tls.engine;

import dev.godwit.transport.tls.engine.TlsEngine.Handshake;
import dev.godwit.transport.tls.engine.TlsEngine.Opened;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;

/** An engine over the wire of a {@link ForeignPeer}. */
final class EngineStream {
  private final TlsEngine engine;
  private final ForeignPeer peer;
  private final ByteBuffer in = ByteBuffer.allocateDirect(1 << 18).limit(0);
  private final ByteBuffer out = ByteBuffer.allocateDirect(1 << 18);
  private boolean ended;

  EngineStream(TlsEngine engine, ForeignPeer peer) {
    this.engine = engine;
    this.peer = peer;
  }

  /** Shakes hands; tells the peer of a failure, and throws it. */
  EngineStream shaken() throws IOException {
    try {
      while (true) {
        Handshake state = engine.handshake(in, out);
        send();
        if (state == Handshake.DONE) {
          return this;
        }
        if (state == Handshake.NEEDS_INPUT) {
          receive();
        }
      }
    } catch (IOException e) {
      part();
      throw e;
    }
  }

  void write(byte[] plain) throws IOException {
    ByteBuffer src = ByteBuffer.allocateDirect(plain.length).put(plain).flip();
    while (src.hasRemaining()) {
      engine.seal(src, out);
      send();
    }
  }

  /** Reads as many bytes, or those before the end. */
  byte[] read(int count) throws IOException {
    ByteBuffer dst = ByteBuffer.allocateDirect(count + TlsEngine.RECORD_BYTES);
    while (dst.position() < count && !ended) {
      Opened opened = engine.open(in, dst);
      ended = opened == Opened.ENDED;
      if (opened == Opened.NEEDS_INPUT && dst.position() < count) {
        receive();
      }
    }
    byte[] plain = new byte[dst.flip().remaining()];
    dst.get(plain);
    return plain;
  }

  boolean ended() {
    return ended;
  }

  void part() throws IOException {
    engine.parting(out);
    send();
  }

  private void send() throws IOException {
    byte[] bytes = new byte[out.flip().remaining()];
    out.get(bytes).clear();
    OutputStream wire = peer.out();
    wire.write(bytes);
    wire.flush();
  }

  private void receive() throws IOException {
    byte[] piece = new byte[Math.min(32 * 1024, in.capacity() - in.remaining())];
    int read = peer.in().read(piece);
    if (read < 0) {
      throw new IOException("The peer is gone: " + peer.said());
    }
    in.compact().put(piece, 0, read).flip();
  }
}
