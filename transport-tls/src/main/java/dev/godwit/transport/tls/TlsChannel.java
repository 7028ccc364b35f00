package dev.godwit.transport.tls;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Layer;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.support.StreamRegions;
import dev.godwit.transport.tls.engine.TlsEngine;
import dev.godwit.transport.tls.engine.TlsEngines;
import dev.godwit.transport.tls.engine.TlsSession;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A channel whose bytes, placed ones too, travel in TLS records of another. Sealing and opening run
 * on the threads that write and read, so that many channels use many processors.
 *
 * <p>What is written waits until a few records are full, or for flush. Placed bytes are copied
 * before they are sealed and after they are opened: a cipher needs memory that nobody changes.
 *
 * <p>Buffers and engine are used only under the lock of their direction and are released under both
 * once the inner channel is closed, which ends whoever waits there. They are in an arena, since
 * direct buffers would be freed only when the collector comes round.
 */
final class TlsChannel implements Channel {
  private static final Logger LOG = LoggerFactory.getLogger(TlsChannel.class);

  /** How long the last record may wait for room in the medium, at the most. */
  private static final Duration LAST_WORD = Duration.ofMillis(500);

  private final Channel inner;
  private final TlsEngine engine;
  private final String name;
  private final boolean dialling;
  private final boolean godwit;
  private final ChannelInfo info;
  private final ChannelLifecycle lifecycle;
  private final Arena arena = Arena.ofShared();
  private final RecordOutput output;
  private final RecordInput input;
  private final ReentrantLock outputLock = new ReentrantLock();
  private final ReentrantLock inputLock = new ReentrantLock();

  private final AtomicLong bytesRead = new AtomicLong();
  private final AtomicLong bytesWritten = new AtomicLong();
  private final AtomicLong bytesGot = new AtomicLong();
  private final AtomicLong bytesPut = new AtomicLong();

  /** The peer was gone when it was told that nothing more comes. */
  private volatile boolean peerLeft;

  /**
   * @param inner owned by this channel from now on, as is {@code engine}
   * @param engine whose handshake is done
   * @param sealed what has come and is not opened yet
   * @param opened what is opened and not read yet
   */
  TlsChannel(
      Channel inner, TlsEngine engine, Layer.Side side, ByteBuffer sealed, ByteBuffer opened) {
    TlsSession session = engine.session();
    this.inner = inner;
    this.engine = engine;
    this.name = TlsTransport.named(inner);
    this.dialling = side == Layer.Side.DIALLING;
    this.godwit = session.application().equals(TlsEngines.GODWIT);
    this.info = info(inner.info(), session.peer());
    this.lifecycle = new ChannelLifecycle(name);
    this.output = new RecordOutput(inner, engine, arena);
    this.input = new RecordInput(inner, engine, godwit, arena, sealed, opened);
  }

  private static ChannelInfo info(ChannelInfo inner, PeerIdentity proven) {
    Capabilities beneath = inner.capabilities();
    return new ChannelInfo(
        inner.serial(),
        TlsTransport.renamed(inner.local()),
        TlsTransport.renamed(inner.remote()),
        proven instanceof PeerIdentity.Unknown ? inner.identity() : proven,
        new Capabilities(
            Placement.INLINE,
            Protection.ENCRYPTED,
            beneath.manyChannels(),
            beneath.bidirectional(),
            beneath.halfClose()),
        inner.peer());
  }

  @Override
  public ChannelInfo info() {
    return info;
  }

  // Input.

  @Override
  public int read(ByteBuffer dst) throws ChannelException {
    if (!dst.hasRemaining()) {
      throw new IllegalArgumentException("There is no room in the buffer to read into");
    }
    if (dst.isReadOnly()) {
      throw new ReadOnlyBufferException();
    }
    inputLock.lock();
    try {
      lifecycle.requireInput();
      int count = readSome(dst);
      add(bytesRead, count);
      return count;
    } finally {
      inputLock.unlock();
    }
  }

  private int readSome(ByteBuffer dst) throws ChannelException {
    try {
      return input.read(dst);
    } catch (ChannelException e) {
      return inputFailed(e);
    }
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    StreamRegions.checkRange(dst, dstOffset, length);
    MemorySegment memory = dst.memory();
    if (memory.isReadOnly()) {
      throw new IllegalArgumentException("Region " + dst.name() + " cannot be written to");
    }
    inputLock.lock();
    try {
      lifecycle.requireInput();
      for (long done = 0; done < length; ) {
        int count = getSome(memory, dstOffset + done, length - done);
        if (count < 0) {
          throw new ChannelException.EndedEarly(
              name + " ended " + (length - done) + " bytes before the end of what it was to place");
        }
        add(bytesGot, count);
        done += count;
      }
    } finally {
      inputLock.unlock();
    }
  }

  private int getSome(MemorySegment memory, long offset, long length) throws ChannelException {
    try {
      return input.read(memory, offset, length);
    } catch (ChannelException e) {
      return inputFailed(e);
    }
  }

  /** That a peer without close_notify was gone before this side's own is its end, as with QEMU. */
  private int inputFailed(ChannelException failure) throws ChannelException {
    if (peerLeft && !godwit && lifecycle.first().isEmpty()) {
      lifecycle.requireInput();
      return input.endUnconfirmed();
    }
    throw broken(failure);
  }

  // Output.

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    outputLock.lock();
    try {
      lifecycle.requireOutput();
      for (ByteBuffer buffer : src) {
        int length = buffer.remaining();
        add(buffer);
        add(bytesWritten, length);
      }
    } finally {
      outputLock.unlock();
    }
  }

  private void add(ByteBuffer src) throws ChannelException {
    try {
      output.add(src);
    } catch (ChannelException e) {
      throw outputFailed(e);
    }
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    StreamRegions.checkRange(src, srcOffset, length);
    StreamRegions.checkTarget(dst, dstOffset, length);
    MemorySegment memory = src.memory();
    outputLock.lock();
    try {
      lifecycle.requireOutput();
      add(memory, srcOffset, length);
      add(bytesPut, length);
    } finally {
      outputLock.unlock();
    }
  }

  private void add(MemorySegment memory, long offset, long length) throws ChannelException {
    try {
      output.add(memory, offset, length);
    } catch (ChannelException e) {
      throw outputFailed(e);
    }
  }

  @Override
  public void flush() throws ChannelException {
    outputLock.lock();
    try {
      lifecycle.requireInput();
      handOver();
    } finally {
      outputLock.unlock();
    }
  }

  private void handOver() throws ChannelException {
    if (lifecycle.state() != ChannelLifecycle.State.OUTPUT_ENDED) {
      try {
        output.flush();
      } catch (ChannelException e) {
        throw outputFailed(e);
      }
    }
  }

  @Override
  public void settle() throws ChannelException {
    flush();
  }

  /** Hands over what was written; a writer that is at it does so itself. */
  @Override
  public void barrier() throws ChannelException {
    lifecycle.requireInput();
    if (outputLock.tryLock()) {
      try {
        flush();
      } finally {
        outputLock.unlock();
      }
    }
  }

  @Override
  public void shutdownOutput() throws ChannelException {
    outputLock.lock();
    try {
      lifecycle.requireInput();
      handOver();
      if (lifecycle.endOutput()) {
        endOutput();
      }
    } finally {
      outputLock.unlock();
    }
  }

  /** A peer that is gone when it is told that nothing more comes has missed nothing. */
  private void endOutput() throws ChannelException {
    try {
      output.part();
      if (inner.info().capabilities().halfClose()) {
        inner.shutdownOutput();
      }
    } catch (ChannelException.Lost e) {
      peerLeft = true;
      LOG.debug("{} was gone before it was told that nothing more comes: {}", name, e.getMessage());
    } catch (ChannelException e) {
      throw broken(e);
    }
  }

  /**
   * In TLS 1.3 a client is done before its server has looked at its certificate, and writes into a
   * connection that a server which does not trust it has ended.
   */
  private ChannelException outputFailed(ChannelException failure) {
    boolean unheard = bytesRead.get() + bytesGot.get() == 0;
    if (failure instanceof ChannelException.Lost && dialling && !godwit && unheard) {
      return broken(
          new ChannelException.Lost(
              name
                  + " ended the connection without a word, as a TLS server does that does not"
                  + " trust this side",
              failure));
    }
    return broken(failure);
  }

  // The end.

  /** The first failure ends the other direction's waits too. */
  private ChannelException broken(ChannelException failure) {
    // Whoever was in the inner channel beside the first failure knows it as the cause of his own.
    ChannelException original =
        failure instanceof ChannelException.Aborted
                && failure.getCause() instanceof ChannelException cause
            ? cause
            : failure;
    ChannelException told = lifecycle.fail(original);
    if (told != original) {
      return told;
    }
    if (original instanceof ChannelException.Violated && outputLock.tryLock()) {
      try {
        sayWhy(original);
      } finally {
        outputLock.unlock();
      }
    }
    inner.abort(original);
    return original;
  }

  /** Sends the alert that the engine has for the peer, if there is room for it. */
  private void sayWhy(ChannelException failure) {
    try (Patience patience = new Patience(Deadline.after(LAST_WORD), () -> inner.abort(failure))) {
      output.part();
    } catch (ChannelException e) {
      LOG.debug("{} cannot be told what is wrong: {}", name, e.getMessage());
    }
  }

  @Override
  public void abort(Throwable cause) {
    if (lifecycle.abort(cause)) {
      inner.abort(cause);
    }
  }

  @Override
  public ChannelStats stats() {
    return new ChannelStats(
        bytesRead.get(),
        bytesWritten.get(),
        bytesGot.get(),
        bytesPut.get(),
        0,
        input.isUnconfirmed());
  }

  /**
   * Says close_notify if nobody is writing. A peer that leaves no room for it in the medium is not
   * waited for: it then sees an end without.
   */
  @Override
  public void close() throws ChannelException {
    boolean outputOpen = lifecycle.state() == ChannelLifecycle.State.OPEN;
    if (!lifecycle.close()) {
      return;
    }
    try {
      boolean whole = lifecycle.first().isEmpty();
      try {
        if (whole && outputOpen && outputLock.tryLock()) {
          try {
            finish();
          } finally {
            outputLock.unlock();
          }
        }
      } finally {
        closeInner(whole);
      }
    } finally {
      release();
    }
  }

  private void finish() throws ChannelException {
    try (Patience patience = new Patience(Deadline.after(LAST_WORD), this::giveUp)) {
      try {
        output.flush();
      } catch (ChannelException e) {
        if (patience.hasActed()) {
          throw new ChannelException.Lost(
              name + " left no room for what was still to be sent when the channel was closed", e);
        }
        throw e;
      }
      try {
        output.part();
      } catch (ChannelException e) {
        LOG.debug("{} could not be told that nothing more comes: {}", name, e.getMessage());
      }
    }
  }

  private void giveUp() {
    try {
      inner.close();
    } catch (ChannelException e) {
      LOG.debug("Closing {}: {}", name, e.getMessage());
    }
  }

  /** A peer that answers close_notify with a reset has got everything before. */
  private void closeInner(boolean whole) throws ChannelException {
    try {
      inner.close();
    } catch (ChannelException.Lost e) {
      if (!whole) {
        throw e;
      }
      LOG.debug("{} was gone at the end: {}", name, e.getMessage());
    }
  }

  private void release() {
    inputLock.lock();
    outputLock.lock();
    try {
      engine.close();
      arena.close();
    } finally {
      outputLock.unlock();
      inputLock.unlock();
    }
  }

  @Override
  public String toString() {
    return "TLS over " + inner;
  }

  /** One thread adds to each counter, any thread reads it. */
  private static void add(AtomicLong counter, long count) {
    if (count > 0) {
      counter.setRelease(counter.getPlain() + count);
    }
  }
}
