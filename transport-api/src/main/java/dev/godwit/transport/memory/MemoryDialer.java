package dev.godwit.transport.memory;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Peer;
import dev.godwit.transport.support.Monitor;
import org.jspecify.annotations.Nullable;

/** Connects the channels of one migration, all over one {@link Link}. */
final class MemoryDialer implements Dialer {
  private final Rendezvous rendezvous;
  private final Endpoint target;
  private final MemoryOptions options;
  private final Link link;
  private @Nullable Throwable aborted;

  MemoryDialer(Rendezvous rendezvous, Endpoint target, MemoryOptions options) {
    this.rendezvous = rendezvous;
    this.target = target;
    this.options = options;
    this.link = Link.of(options);
  }

  @Override
  public Endpoint target() {
    return target;
  }

  @Override
  public Peer peer() {
    return link.dialling();
  }

  @Override
  public Channel dial(Deadline deadline) throws ChannelException {
    String name = "mem:" + target.address();
    Monitor monitor = rendezvous.monitor();
    monitor.lock();
    try {
      while (true) {
        if (aborted != null) {
          throw new ChannelException.Aborted("Dialling " + name + " was given up", aborted);
        }
        MemoryListener listener =
            rendezvous
                .find(target.address())
                .orElseThrow(() -> new ChannelException.Refused("Nobody listens at " + name));
        if (listener.options().placement() != options.placement()) {
          throw new ChannelException.Refused(
              name + " was opened with another placement than it is dialled with");
        }
        if (listener.hasRoom()) {
          Link.Ends ends = link.connect(target, options, listener);
          listener.offer(ends.accepted());
          return ends.dialled();
        }
        if (!monitor.await(deadline)) {
          throw new ChannelException.TimedOut(name + " accepted no connection in time");
        }
      }
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void abort(Throwable cause) {
    Monitor monitor = rendezvous.monitor();
    monitor.lock();
    try {
      if (aborted == null) {
        aborted = cause;
        monitor.signalAll();
      }
    } finally {
      monitor.unlock();
    }
    link.abort(cause);
  }

  /** Ends nothing but this dialer's own dials. */
  @Override
  public void close() {
    Monitor monitor = rendezvous.monitor();
    monitor.lock();
    try {
      if (aborted == null) {
        aborted = new ChannelException.Aborted("The dialer is closed", null);
        monitor.signalAll();
      }
    } finally {
      monitor.unlock();
    }
  }
}
