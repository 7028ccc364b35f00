package dev.godwit.transport.tls.engine;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.ReentrantLock;
import org.bouncycastle.tls.TlsFatalAlert;
import org.jspecify.annotations.Nullable;

/**
 * What bctls' two protocol classes tell their engine. They keep reading and writing apart but for
 * two things: the reader raises alerts and takes note of key updates that the writer answers. Both
 * happen under {@link #outbound}.
 */
final class BouncyWire {
  /** What a protocol class does for its engine beyond what all of bctls' do. */
  interface Hooks {
    /** Sends the first message, or makes ready for it. */
    void begin() throws IOException;

    /** Adds close_notify to the output; input goes on. */
    void farewell() throws IOException;

    /** Adds an alert to the output and ends the connection. */
    void breakOff(TlsFatalAlert alert) throws IOException;

    /** Adds a key update to the output, and seals with the new key from then on. */
    void renewKey() throws IOException;

    /** Destroys the keys of a connection that is over. */
    void destroyKeys();
  }

  /** Held by whoever adds to the output or takes from it. */
  final ReentrantLock outbound = new ReentrantLock();

  private @Nullable ByteBuffer sink;
  private volatile boolean established;
  private boolean alerted;
  private boolean owesKey;
  private boolean ended;
  private boolean moved;

  /** Where application data goes until {@link #noSink}. */
  void sink(ByteBuffer buffer) {
    sink = buffer;
  }

  void noSink() {
    sink = null;
  }

  /** Takes application data; false if these are other bytes, or it is too early for them. */
  boolean take(boolean data, byte[] bytes, int offset, int length) {
    ByteBuffer into = sink;
    if (!data || into == null) {
      return false;
    }
    into.put(bytes, offset, length);
    moved |= length > 0;
    return true;
  }

  /** Whether data came since the last time this was asked. */
  boolean moved() {
    boolean did = moved;
    moved = false;
    return did;
  }

  void establish() {
    established = true;
  }

  boolean established() {
    return established;
  }

  /** The peer said close_notify. */
  void end() {
    ended = true;
  }

  boolean ended() {
    return ended;
  }

  /** An alert is in the output; nothing may follow it. Under {@link #outbound}. */
  void alert() {
    alerted = true;
  }

  boolean alerted() {
    return alerted;
  }

  /** Whether the peer wants a new key before more data. Under {@link #outbound}. */
  void oweKey(boolean owed) {
    owesKey = owed;
  }

  boolean owesKey() {
    return owesKey;
  }
}
