package dev.godwit.transport.rdma;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Peer;
import dev.godwit.transport.support.Monitor;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Where the dials of a transport without a device wait for a listener that accepts them. */
final class FakeLobby<D> {
  /** What one dialer's dials are; called one at a time. */
  interface Dialling<D> {
    D begin() throws ChannelException;

    boolean isAccepted(D dial);

    Channel opened(D dial) throws ChannelException;

    /** It came to no channel. */
    void dropped(D dial) throws ChannelException;
  }

  /** What becomes of a dial at a listener. */
  interface Accepting<D> {
    /** The dial is accepted when this returns. */
    Channel accept(D dial) throws ChannelException;
  }

  private final Monitor monitor = new Monitor();
  private final Map<String, FakeListener> listeners = new HashMap<>();

  Listener listen(Endpoint local, Accepting<D> accepting) throws ChannelException {
    FakeListener listener = new FakeListener(local, accepting);
    monitor.lock();
    try {
      if (listeners.putIfAbsent(place(local), listener) != null) {
        throw new ChannelException.Refused("Taken");
      }
    } finally {
      monitor.unlock();
    }
    return listener;
  }

  Dialer dialer(Endpoint target, RdmaPeer peer, Dialling<D> dialling) {
    return new FakeDialer(target, peer, dialling);
  }

  private static String place(Endpoint endpoint) {
    return endpoint.scheme() + ":" + endpoint.address();
  }

  private final class FakeDialer implements Dialer {
    private final Endpoint target;
    private final RdmaPeer peer;
    private final Dialling<D> dialling;
    private @Nullable Throwable abortedBy;
    private boolean closed;

    FakeDialer(Endpoint target, RdmaPeer peer, Dialling<D> dialling) {
      this.target = target;
      this.peer = peer;
      this.dialling = dialling;
    }

    @Override
    public Endpoint target() {
      return target;
    }

    @Override
    public Peer peer() {
      return peer;
    }

    @Override
    public Channel dial(Deadline deadline) throws ChannelException {
      monitor.lock();
      try {
        requireOpen();
        FakeListener listener = listeners.get(place(target));
        if (listener == null) {
          throw new ChannelException.Refused("Nobody listens");
        }
        D dial = dialling.begin();
        boolean done = false;
        try {
          await(listener, dial, deadline);
          done = true;
          return dialling.opened(dial);
        } finally {
          if (!done) {
            listener.dials.remove(dial);
            dialling.dropped(dial);
          }
        }
      } finally {
        monitor.unlock();
      }
    }

    private void await(FakeListener listener, D dial, Deadline deadline) throws ChannelException {
      listener.dials.add(dial);
      monitor.signalAll();
      while (!dialling.isAccepted(dial)) {
        requireOpen();
        if (!monitor.await(deadline)) {
          throw new ChannelException.TimedOut("Not accepted");
        }
      }
    }

    private void requireOpen() throws ChannelException {
      if (abortedBy != null || closed) {
        throw new ChannelException.Aborted("Dialling ended", abortedBy);
      }
    }

    @Override
    public void abort(Throwable cause) {
      monitor.lock();
      try {
        if (abortedBy == null) {
          abortedBy = cause;
        }
        monitor.signalAll();
      } finally {
        monitor.unlock();
      }
      peer.abort(cause);
    }

    @Override
    public void close() {
      monitor.lock();
      try {
        closed = true;
        monitor.signalAll();
      } finally {
        monitor.unlock();
      }
    }
  }

  private final class FakeListener implements Listener {
    private final Endpoint local;
    private final Accepting<D> accepting;
    private final Deque<D> dials = new ArrayDeque<>();
    private @Nullable Throwable abortedBy;
    private boolean closed;

    FakeListener(Endpoint local, Accepting<D> accepting) {
      this.local = local;
      this.accepting = accepting;
    }

    @Override
    public Endpoint local() {
      return local;
    }

    @Override
    public Channel accept(Deadline deadline) throws ChannelException {
      monitor.lock();
      try {
        while (true) {
          if (abortedBy != null || closed) {
            throw new ChannelException.Aborted("Listening ended", abortedBy);
          }
          D dial = dials.poll();
          if (dial != null) {
            Channel accepted = accepting.accept(dial);
            monitor.signalAll();
            return accepted;
          }
          if (!monitor.await(deadline)) {
            throw new ChannelException.TimedOut("Nobody came");
          }
        }
      } finally {
        monitor.unlock();
      }
    }

    @Override
    public void abort(Throwable cause) {
      monitor.lock();
      try {
        if (abortedBy == null && !closed) {
          abortedBy = cause;
        }
        monitor.signalAll();
      } finally {
        monitor.unlock();
      }
    }

    @Override
    public void close() {
      monitor.lock();
      try {
        closed = true;
        listeners.remove(place(local), this);
        monitor.signalAll();
      } finally {
        monitor.unlock();
      }
    }
  }
}
