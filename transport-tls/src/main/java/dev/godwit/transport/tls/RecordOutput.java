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
 * Plain bytes on their way into records. Small pieces are gathered, so that records are full, and
 * many records are handed over at once; what is not yet handed over waits for {@link #flush}. One
 * thread at a time uses it; nothing is allocated once it is made.
 */
final class RecordOutput {
  /** How many records are handed over by one write. */
  private static final int RECORDS = 16;

  /** A few records, still in the cache when they are sealed. */
  private static final int GATHERED_BYTES = 4 * RECORD_BYTES;

  private final Channel inner;
  private final TlsEngine engine;
  private final MemorySegment gatheredMemory;
  private final ByteBuffer gathered;
  private final ByteBuffer sealed;
  private final ByteBuffer[] handedOver;

  /**
   * @param arena of the buffers
   */
  RecordOutput(Channel inner, TlsEngine engine, Arena arena) {
    this.inner = inner;
    this.engine = engine;
    this.gatheredMemory = arena.allocate(GATHERED_BYTES);
    this.gathered = gatheredMemory.asByteBuffer();
    this.sealed = arena.allocate((long) RECORDS * SEALED_BYTES).asByteBuffer();
    this.handedOver = new ByteBuffer[] {sealed};
  }

  /** Takes all of {@code src}. */
  void add(ByteBuffer src) throws ChannelException {
    while (src.hasRemaining()) {
      boolean whole = src.isDirect() && src.remaining() >= RECORD_BYTES;
      if (whole && gathered.position() == 0) {
        sealWholeRecords(src);
        continue;
      }
      int part = Math.min(src.remaining(), roomInRecord());
      gathered.put(gathered.position(), src, src.position(), part);
      gathered.position(gathered.position() + part);
      src.position(src.position() + part);
      if (!gathered.hasRemaining() || (whole && roomInRecord() == RECORD_BYTES)) {
        sealGathered();
      }
    }
  }

  /** Takes a private copy, since a guest may go on changing its memory. */
  void add(MemorySegment memory, long offset, long length) throws ChannelException {
    for (long done = 0; done < length; ) {
      int part = (int) Math.min(length - done, gathered.remaining());
      MemorySegment.copy(memory, offset + done, gatheredMemory, gathered.position(), part);
      gathered.position(gathered.position() + part);
      done += part;
      if (!gathered.hasRemaining()) {
        sealGathered();
      }
    }
  }

  private int roomInRecord() {
    return RECORD_BYTES - gathered.position() % RECORD_BYTES;
  }

  private void sealWholeRecords(ByteBuffer src) throws ChannelException {
    int end = src.limit();
    int whole = src.remaining() - src.remaining() % RECORD_BYTES;
    src.limit(src.position() + whole);
    try {
      seal(src);
    } finally {
      src.limit(end);
    }
  }

  private void sealGathered() throws ChannelException {
    gathered.flip();
    seal(gathered);
    gathered.clear();
  }

  private void seal(ByteBuffer src) throws ChannelException {
    while (src.hasRemaining()) {
      if (sealed.remaining() < SEALED_BYTES) {
        handOver();
      }
      engine.seal(src, sealed);
    }
  }

  private void handOver() throws ChannelException {
    sealed.flip();
    if (sealed.hasRemaining()) {
      inner.write(handedOver);
    }
    sealed.clear();
  }

  /** Seals and hands over all that was added. */
  void flush() throws ChannelException {
    sealGathered();
    handOver();
    inner.flush();
  }

  /** Hands over the engine's last word. */
  void part() throws ChannelException {
    sealed.clear();
    engine.parting(sealed);
    handOver();
    inner.flush();
  }
}
