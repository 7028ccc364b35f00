package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/** A registration that is part of a sum. */
final class Counted implements Registration {
  private final Registration inner;
  private final long bytes;
  private final AtomicLong sum;
  private final AtomicBoolean closed = new AtomicBoolean();

  Counted(Registration inner, long bytes, AtomicLong sum) {
    this.inner = inner;
    this.bytes = bytes;
    this.sum = sum;
  }

  @Override
  public long address() {
    return inner.address();
  }

  @Override
  public int localKey() {
    return inner.localKey();
  }

  @Override
  public int remoteKey() {
    return inner.remoteKey();
  }

  @Override
  public void close() throws ChannelException {
    if (!closed.getAndSet(true)) {
      inner.close();
      sum.addAndGet(-bytes);
    }
  }
}
