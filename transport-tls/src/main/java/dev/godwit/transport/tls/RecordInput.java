package dev.godwit.transport.tls;

import static dev.godwit.transport.tls.engine.TlsEngine.RECORD_BYTES;
import static dev.godwit.transport.tls.engine.TlsEngine.SEALED_BYTES;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.tls.engine.TlsEngine;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * Plain bytes on their way out of records. Records are opened straight into a reader's buffer where
 * one has room for a whole one, and else beside it. One thread at a time uses it; nothing is
 * allocated once it is made.
 */
final class RecordInput {
  /** How many records are taken from the wire at once, if they are there. */
  private static final int RECORDS = 16;

  private static final int OPENED_BYTES = 4 * RECORD_BYTES;

  private final Channel inner;
  private final TlsEngine engine;
  private final boolean confirms;
  private final ByteBuffer sealed;
  private final MemorySegment openedMemory;
  private final ByteBuffer opened;
  private boolean ended;
  private volatile boolean unconfirmed;

  /**
   * @param confirms whether this peer always says close_notify, so that an end without it is a loss
   * @param arena of the buffers
   * @param sealedBefore what came with the handshake and is not opened yet
   * @param openedBefore what came with the greeting and is not read yet
   */
  RecordInput(
      Channel inner,
      TlsEngine engine,
      boolean confirms,
      Arena arena,
      ByteBuffer sealedBefore,
      ByteBuffer openedBefore) {
    this.inner = inner;
    this.engine = engine;
    this.confirms = confirms;
    this.sealed = arena.allocate((long) RECORDS * SEALED_BYTES).asByteBuffer();
    this.openedMemory = arena.allocate(OPENED_BYTES);
    this.opened = openedMemory.asByteBuffer();
    sealed.put(sealedBefore).flip();
    opened.put(openedBefore).flip();
  }

  /** At least one byte, or -1 at the peer's end. */
  int read(ByteBuffer dst) throws ChannelException {
    if (!opened.hasRemaining() && dst.isDirect() && dst.remaining() >= RECORD_BYTES) {
      return open(dst);
    }
    if (!hasOpened()) {
      return -1;
    }
    int part = Math.min(dst.remaining(), opened.remaining());
    dst.put(dst.position(), opened, opened.position(), part);
    dst.position(dst.position() + part);
    opened.position(opened.position() + part);
    return part;
  }

  /** At least one byte and {@code length} at the most, or -1 at the peer's end. */
  int read(MemorySegment dst, long offset, long length) throws ChannelException {
    if (!hasOpened()) {
      return -1;
    }
    int part = (int) Math.min(length, opened.remaining());
    MemorySegment.copy(openedMemory, opened.position(), dst, offset, part);
    opened.position(opened.position() + part);
    return part;
  }

  /** Whether the input ended without close_notify; any thread may ask. */
  boolean isUnconfirmed() {
    return unconfirmed;
  }

  /** Nothing more will come, and nobody says whether that was all. */
  int endUnconfirmed() {
    ended = true;
    unconfirmed = true;
    return -1;
  }

  private boolean hasOpened() throws ChannelException {
    if (opened.hasRemaining()) {
      return true;
    }
    opened.clear();
    try {
      return open(opened) >= 0;
    } finally {
      opened.flip();
    }
  }

  private int open(ByteBuffer dst) throws ChannelException {
    int start = dst.position();
    while (!ended) {
      TlsEngine.Opened why = engine.open(sealed, dst);
      ended = why == TlsEngine.Opened.ENDED;
      if (dst.position() > start) {
        return dst.position() - start;
      }
      if (why == TlsEngine.Opened.NEEDS_INPUT && !fill()) {
        return endUnconfirmed();
      }
    }
    return -1;
  }

  /** False at the end of the wire. */
  private boolean fill() throws ChannelException {
    sealed.compact();
    int read;
    try {
      if (!sealed.hasRemaining()) {
        throw new ChannelException.Violated(remote() + " sent a record longer than TLS allows");
      }
      read = inner.read(sealed);
    } finally {
      sealed.flip();
    }
    if (read >= 0) {
      return true;
    }
    if (sealed.hasRemaining()) {
      throw new ChannelException.Lost(remote() + " ended in the middle of a TLS record");
    }
    if (confirms) {
      throw new ChannelException.Lost(
          "The connection to "
              + remote()
              + " ended without TLS's close_notify, so it was cut or its peer failed");
    }
    return false;
  }

  private String remote() {
    return TlsTransport.named(inner);
  }
}
