package dev.godwit.transport.memory;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.support.Monitor;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/** Accepts under one name until it is closed. */
final class MemoryListener implements Listener {
  private final Rendezvous rendezvous;
  private final Endpoint local;
  private final MemoryOptions options;
  private final Queue<MemoryChannel> backlog = new ArrayDeque<>();
  private @Nullable Throwable aborted;
  private boolean closed;

  private MemoryListener(Rendezvous rendezvous, Endpoint local, MemoryOptions options) {
    this.rendezvous = rendezvous;
    this.local = local;
    this.options = options;
  }

  static MemoryListener open(Rendezvous rendezvous, Endpoint local, MemoryOptions options)
      throws ChannelException {
    MemoryListener listener = new MemoryListener(rendezvous, local, options);
    Monitor monitor = rendezvous.monitor();
    monitor.lock();
    try {
      rendezvous.add(local.address(), listener);
    } finally {
      monitor.unlock();
    }
    return listener;
  }

  MemoryOptions options() {
    return options;
  }

  @Override
  public Endpoint local() {
    return local;
  }

  /** Whether one more channel can wait here; the caller holds the rendezvous. */
  boolean hasRoom() {
    return backlog.size() < options.backlog();
  }

  /** Lets {@code channel} wait to be accepted; the caller holds the rendezvous. */
  void offer(MemoryChannel channel) {
    backlog.add(channel);
    rendezvous.monitor().signalAll();
  }

  @Override
  public Channel accept(Deadline deadline) throws ChannelException {
    Monitor monitor = rendezvous.monitor();
    monitor.lock();
    try {
      while (true) {
        if (aborted != null || closed) {
          throw new ChannelException.Aborted(
              "Nothing more is accepted at mem:" + local.address(), aborted);
        }
        MemoryChannel channel = backlog.poll();
        if (channel != null) {
          monitor.signalAll();
          return channel;
        }
        if (!monitor.await(deadline)) {
          throw new ChannelException.TimedOut(
              "Nobody connected to mem:" + local.address() + " in time");
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
  }

  @Override
  public void close() throws ChannelException {
    List<MemoryChannel> unaccepted;
    Monitor monitor = rendezvous.monitor();
    monitor.lock();
    try {
      closed = true;
      rendezvous.remove(local.address(), this);
      unaccepted = new ArrayList<>(backlog);
      backlog.clear();
    } finally {
      monitor.unlock();
    }
    for (MemoryChannel channel : unaccepted) {
      channel.abort(new ChannelException.Aborted("The listener closed before it accepted", null));
      channel.close();
    }
  }
}
