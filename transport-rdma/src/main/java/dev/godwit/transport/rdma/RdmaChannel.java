package dev.godwit.transport.rdma;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.rdma.wire.Control;
import dev.godwit.transport.rdma.wire.Greeting;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.StreamRegions;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** A channel over one queue pair: its threads, failures and end; what it says is its dialect's. */
final class RdmaChannel implements Channel, Progress.Handler {
  /** How long a closing thread waits at a time for others to leave. */
  private static final Duration STEP = Duration.ofMillis(20);

  private final ChannelInfo info;
  private final String name;
  private final ChannelLifecycle lifecycle;
  private final Monitor monitor = new Monitor();
  private final QueuePair queuePair;
  private final Rings rings;
  private final RdmaPeer peer;
  private final Progress progress;
  private final Dialect dialect;
  private final Keeper keeper;
  private final AtomicReference<@Nullable ChannelException> failure = new AtomicReference<>();

  /** The peer was not reached; where it ends by disconnecting, that may be its end. */
  private ChannelException.@Nullable Lost unreached;

  private boolean sending;
  private boolean cut;
  private long read;
  private long written;
  private long got;
  private long put;

  /** Makes the dialect of a channel that is being made. */
  interface DialectSource {
    Dialect of(RdmaChannel channel, Progress progress, String name);
  }

  private RdmaChannel(
      ChannelInfo info,
      QueuePair queuePair,
      Rings rings,
      RdmaPeer peer,
      RdmaOptions options,
      DialectSource dialects) {
    this.info = info;
    this.name = info.remote().scheme() + ":" + info.remote().address();
    this.lifecycle = new ChannelLifecycle(name);
    this.queuePair = queuePair;
    this.rings = rings;
    this.peer = peer;
    this.progress =
        new Progress(monitor, queuePair, lifecycle, this, name, options.spin(), options.liveness());
    this.dialect = dialects.of(this, progress, name);
    this.keeper = new Keeper(monitor, progress, this, "godwit-rdma-" + info.serial());
  }

  /**
   * A channel over a connected queue pair, whose receives are posted; it owns both from now on, and
   * one user of {@code peer}.
   */
  static RdmaChannel open(
      ChannelInfo info,
      QueuePair queuePair,
      Rings rings,
      RdmaPeer peer,
      RdmaOptions options,
      DialectSource dialects) {
    RdmaChannel channel = new RdmaChannel(info, queuePair, rings, peer, options, dialects);
    peer.join(channel);
    channel.keeper.start();
    return channel;
  }

  /** As {@link #open}, between two Godwits. */
  static RdmaChannel open(
      ChannelInfo info,
      QueuePair queuePair,
      Rings rings,
      RdmaPeer peer,
      RdmaOptions options,
      Greeting theirs) {
    return open(
        info,
        queuePair,
        rings,
        peer,
        options,
        (channel, progress, name) ->
            new GodwitDialect(channel, queuePair, rings, progress, peer, options, theirs, name));
  }

  @Override
  public ChannelInfo info() {
    return info;
  }

  // The user's calls.

  @Override
  public int read(ByteBuffer dst) throws ChannelException {
    if (!dst.hasRemaining()) {
      throw new IllegalArgumentException("There is no room to read into");
    }
    monitor.lock();
    try {
      requireInput();
      int taken = dialect.read(dst);
      read += Math.max(0, taken);
      return taken;
    } catch (ChannelException e) {
      throw failed(e);
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    lifecycle.requireOutput();
    monitor.lock();
    try {
      beginOutput();
      for (ByteBuffer buffer : src) {
        int length = buffer.remaining();
        dialect.write(buffer);
        written += length;
      }
      sending = false;
    } catch (ChannelException e) {
      throw failed(e);
    } finally {
      endOutput();
      monitor.unlock();
    }
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    StreamRegions.checkRange(src, srcOffset, length);
    RdmaRegion from = peer.own(src);
    TheirRegion to = peer.theirs(dst);
    Objects.checkFromIndexSize(dstOffset, length, to.length());
    lifecycle.requireOutput();
    monitor.lock();
    try {
      beginOutput();
      if (length > 0) {
        dialect.put(from, srcOffset, to, dstOffset, length);
        put += length;
      }
      sending = false;
    } catch (ChannelException e) {
      throw failed(e);
    } finally {
      endOutput();
      monitor.unlock();
    }
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    StreamRegions.checkRange(dst, dstOffset, length);
    RdmaRegion into = peer.own(dst);
    monitor.lock();
    try {
      requireInput();
      dialect.get(into, dstOffset, length);
      got += length;
    } catch (ChannelException e) {
      throw failed(e);
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void flush() throws ChannelException {
    monitor.lock();
    try {
      requireInput();
      dialect.flush();
    } catch (ChannelException e) {
      throw failed(e);
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void settle() throws ChannelException {
    monitor.lock();
    try {
      requireInput();
      dialect.settle();
    } catch (ChannelException e) {
      throw failed(e);
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void barrier() throws ChannelException {
    monitor.lock();
    try {
      requireInput();
      dialect.barrier();
    } catch (ChannelException e) {
      throw failed(e);
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void shutdownOutput() throws ChannelException {
    if (!lifecycle.endOutput()) {
      return;
    }
    monitor.lock();
    try {
      requireInput();
      dialect.end();
    } catch (ChannelException e) {
      throw failed(e);
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void abort(Throwable cause) {
    if (lifecycle.abort(cause)) {
      progress.wake();
    }
  }

  @Override
  public ChannelStats stats() {
    monitor.lock();
    try {
      return new ChannelStats(read, written, got, put, dialect.outstandingWrites(), false);
    } finally {
      monitor.unlock();
    }
  }

  private void requireInput() throws ChannelException {
    progress.requireWhole();
  }

  private void beginOutput() throws ChannelException {
    requireInput();
    sending = true;
  }

  /** What failed in the middle has cut the stream, and there is no orderly end behind that. */
  private void endOutput() {
    cut |= sending;
    sending = false;
  }

  /**
   * What to throw for {@code e}. That the peer ended early leaves the other direction as it is; all
   * else ends the connection.
   */
  private ChannelException failed(ChannelException e) {
    if (e instanceof ChannelException.EndedEarly) {
      return e;
    }
    ChannelException first = lifecycle.fail(e);
    progress.wake();
    return first;
  }

  // The end.

  @Override
  public void close() throws ChannelException {
    boolean known = lifecycle.first().isPresent();
    if (!lifecycle.close()) {
      return;
    }
    ChannelException lossy = null;
    monitor.lock();
    try {
      boolean whole = !known && !sending && !cut && progress.broken() == null;
      monitor.signalAll();
      progress.wake();
      if (whole) {
        endInOrder();
      }
      if (!known && dialect.isLossy()) {
        lossy =
            new ChannelException.Lost(
                "Bytes written to " + name + " may not have arrived", progress.broken());
      }
      if (!whole || lossy != null) {
        keeper.giveUp();
      }
      while (progress.waiters() > 0) {
        progress.wake();
        monitor.await(Deadline.after(STEP));
      }
    } finally {
      monitor.unlock();
    }
    keeper.stop();
    release();
    if (lossy != null) {
      throw lossy;
    }
  }

  /** Ends the output and waits until all of it has arrived, not until it is read. */
  private void endInOrder() {
    try {
      dialect.endInOrder();
    } catch (ChannelException e) {
      progress.breakWith(e);
    }
  }

  private void release() throws ChannelException {
    try {
      queuePair.disconnect();
      queuePair.close();
    } finally {
      monitor.lock();
      try {
        dialect.release();
      } finally {
        monitor.unlock();
      }
      rings.close();
      peer.leave(this);
    }
  }

  /** Why this side gives up, for the peer to read; empty while it does not. */
  String reasonToGiveUp() {
    ChannelException broken = progress.broken();
    if (broken != null) {
      return broken.getMessage();
    }
    if (lifecycle.state() == ChannelLifecycle.State.BROKEN) {
      String why = lifecycle.first().map(Throwable::getMessage).orElse("");
      return why.isEmpty() ? "It was aborted" : why;
    }
    return "";
  }

  Dialect dialect() {
    return dialect;
  }

  // From the peer's other channels, on any thread.

  /** Sends a control frame soon; never blocks. */
  void mail(Control control) {
    dialect.mail(control);
    progress.wake();
  }

  /** Ends the channel soon; never blocks. */
  void fail(ChannelException e) {
    if (failure.compareAndSet(null, e)) {
      progress.wake();
    }
  }

  /** Sends soon what waits for more of its kind; never blocks. */
  void hurry() {
    dialect.hurry();
    progress.wake();
  }

  /** Something changed that a call in this channel may wait for; never blocks. */
  void nudge() {
    progress.nudge();
  }

  // What was found.

  @Override
  public void pump() throws ChannelException {
    ChannelException failed = failure.get();
    if (failed != null && progress.broken() == null) {
      throw failed;
    }
    dialect.pump();
  }

  @Override
  public void completed(long work, int status, int bytes) throws ChannelException {
    boolean success = status == Completions.SUCCESS;
    if (Work.kind(work) != Work.RECEIVE) {
      dialect.completed(work, success);
    } else if (success && progress.broken() == null) {
      dialect.arrived(Work.slot(work), bytes);
    }
    if (!success && !progress.isDisconnected() && progress.broken() == null) {
      ChannelException why = Failures.of(name, work, status, queuePair.statusText(status));
      if (!(why instanceof ChannelException.Lost lost)) {
        throw why;
      }
      if (!dialect.endsByDisconnecting()) {
        lost(lost);
      } else if (unreached == null) {
        unreached = lost;
      }
    }
  }

  @Override
  public void looked() {
    ChannelException.Lost how = unreached;
    unreached = null;
    if (how != null && !progress.isDisconnected()) {
      lost(how);
    }
  }

  @Override
  public void lost(ChannelException.Lost how) {
    if (dialect.hasEnded()) {
      // All it had to say has arrived.
      peerIsGone();
    } else {
      progress.breakWith(how);
    }
  }

  private void peerIsGone() {
    dialect.peerIsGone();
    progress.disconnect();
  }

  @Override
  public void event(QueuePair.Event event) {
    switch (event) {
      case DISCONNECTED -> {
        if (!progress.isDisconnected() && !dialect.endsByDisconnecting()) {
          lost(new ChannelException.Lost("The connection to " + name + " ended without a word"));
        }
        peerIsGone();
      }
      case DEVICE_REMOVED ->
          progress.breakWith(new ChannelException.Lost("The device of " + name + " was removed"));
      case FATAL -> progress.breakWith(new ChannelException.Lost("The device gave up on " + name));
      case PORT_DOWN, OTHER, NONE -> {}
    }
  }

  @Override
  public String toString() {
    return info.remote() + " #" + info.serial();
  }
}
