package dev.godwit.channel.session;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.support.InlinePlacement;
import dev.godwit.transport.support.Monitor;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * One stream of a session, as its user sees it: a channel that does not notice what becomes of
 * links. What is put travels among the bytes written.
 */
final class Stream implements Channel {
  final int id;
  final Outgoing out;
  final Incoming in;
  private final ChannelInfo info;
  private final Traffic traffic;
  private final Monitor lock;
  private final ChannelLifecycle lifecycle;
  private final InlinePlacement placement = new InlinePlacement(this);
  private final LongAdder read = new LongAdder();
  private final LongAdder written = new LongAdder();
  private final LongAdder got = new LongAdder();
  private final LongAdder put = new LongAdder();

  /** Of the one thread that writes. */
  private boolean putting;

  /** Of the one thread that reads. */
  private boolean getting;

  // Under the session's lock.
  boolean queued;
  boolean acknowledging;
  private boolean closed;
  private boolean broken;
  private boolean peerDeaf;
  private @Nullable ChannelException fault;

  Stream(int id, ChannelInfo info, Outgoing out, Incoming in, Traffic traffic) {
    this.id = id;
    this.info = info;
    this.out = out;
    this.in = in;
    this.traffic = traffic;
    this.lock = traffic.lock;
    this.lifecycle = new ChannelLifecycle("stream " + id + " of session " + traffic.id());
  }

  @Override
  public ChannelInfo info() {
    return info;
  }

  @Override
  public int read(ByteBuffer dst) throws ChannelException {
    if (!dst.hasRemaining()) {
      throw new IllegalArgumentException("There is no room to read into");
    }
    int bytes = take(dst);
    if (bytes > 0) {
      (getting ? got : read).add(bytes);
    }
    return bytes;
  }

  private int take(ByteBuffer dst) throws ChannelException {
    int bytes;
    lock.lock();
    try {
      while (true) {
        lifecycle.requireInput();
        requireWhole();
        bytes = Math.min(in.available(), dst.remaining());
        if (bytes > 0) {
          break;
        }
        if (in.isAtEnd()) {
          return -1;
        }
        in.readable.await();
      }
      traffic.enter();
    } finally {
      lock.unlock();
    }
    try {
      in.copy(dst, bytes);
    } finally {
      lock.lock();
      try {
        traffic.leave();
        in.took(bytes);
        traffic.took(this);
      } finally {
        lock.unlock();
      }
    }
    return bytes;
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    for (ByteBuffer buffer : src) {
      int length = buffer.remaining();
      send(buffer);
      (putting ? put : written).add(length);
    }
  }

  private void send(ByteBuffer src) throws ChannelException {
    lock.lock();
    try {
      requireOutput();
      while (src.hasRemaining()) {
        int bytes = Math.min(out.room(), src.remaining());
        if (bytes == 0) {
          out.writable.await();
          requireOutput();
          continue;
        }
        traffic.enter();
        lock.unlock();
        try {
          out.store(src, bytes);
        } finally {
          lock.lock();
          traffic.leave();
        }
        requireOutput();
        out.wrote(bytes);
        traffic.ready(this, bytes);
      }
    } finally {
      lock.unlock();
    }
  }

  private void requireOutput() throws ChannelException {
    lifecycle.requireOutput();
    requireWhole();
    if (peerDeaf) {
      throw fail(new ChannelException.Lost("The peer closed the channel"));
    }
  }

  private void requireWhole() throws ChannelException {
    if (fault != null) {
      throw fail(fault);
    }
  }

  private ChannelException fail(ChannelException failure) {
    ChannelException first = lifecycle.fail(failure);
    say(failure.getMessage());
    return first;
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    lifecycle.requireOutput();
    putting = true;
    try {
      placement.put(src, srcOffset, dst, dstOffset, length);
    } finally {
      putting = false;
    }
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    lifecycle.requireInput();
    getting = true;
    try {
      placement.get(dst, dstOffset, length);
    } finally {
      getting = false;
    }
  }

  @Override
  public void flush() throws ChannelException {
    lifecycle.requireInput();
  }

  @Override
  public void settle() throws ChannelException {
    lifecycle.requireInput();
  }

  @Override
  public void barrier() throws ChannelException {
    lifecycle.requireInput();
  }

  @Override
  public void shutdownOutput() throws ChannelException {
    if (lifecycle.endOutput()) {
      lock.lock();
      try {
        if (fault != null) {
          throw fail(fault);
        }
        endOutput();
      } finally {
        lock.unlock();
      }
    }
  }

  private void endOutput() {
    if (!out.hasEnded()) {
      out.end();
      traffic.ended(this);
    }
  }

  @Override
  public void abort(Throwable cause) {
    if (lifecycle.abort(cause)) {
      String why = cause.getMessage();
      say(why == null ? cause.getClass().getSimpleName() : why);
    }
  }

  /** Wakes whoever waits here, and tells the peer unless it was the peer that broke it. */
  private void say(String why) {
    lock.lock();
    try {
      wake();
      if (!broken) {
        broken = true;
        if (fault == null) {
          traffic.broken(this, why);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void wake() {
    in.readable.signalAll();
    out.writable.signalAll();
  }

  /** The peer, or the end of the session, has broken it; under the lock. */
  void breakWith(ChannelException why) {
    if (fault == null) {
      fault = why;
    }
    wake();
  }

  /** The peer reads no more; under the lock. */
  void peerIsDeaf() {
    peerDeaf = true;
    out.writable.signalAll();
  }

  /** Whether nothing more will be said of it, by nobody; under the lock. */
  boolean isFinished() {
    return closed
        && (broken || fault != null || (out.hasEnded() && out.isAllHeld() && in.isWhole()));
  }

  @Override
  public ChannelStats stats() {
    return new ChannelStats(read.sum(), written.sum(), got.sum(), put.sum(), 0, false);
  }

  @Override
  public void close() throws ChannelException {
    boolean whole = lifecycle.first().isEmpty();
    if (!lifecycle.close()) {
      return;
    }
    lock.lock();
    try {
      closed = true;
      if (whole && fault == null) {
        endOutput();
        in.deafen();
        traffic.deaf(this);
      }
      wake();
      traffic.closed(this);
      if (whole && fault != null && !out.isAllHeld()) {
        throw fault;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Nobody takes a stream that the peer opened. */
  void dismiss() {
    abort(new ChannelException.Refused("Nobody takes the channel"));
    try {
      close();
    } catch (ChannelException e) {
      throw new IllegalStateException("A broken channel closes quietly", e);
    }
  }

  @Override
  public String toString() {
    return "stream " + id + " of session " + traffic.id();
  }
}
