package dev.godwit.transport.rdma;

import dev.godwit.transport.Availability;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Peer;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Transport;
import dev.godwit.transport.rdma.FakeFabric.FakeQueuePair;
import dev.godwit.transport.rdma.wire.Greeting;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.support.Monitor;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** {@code rdma-fake:name:port}: channels as over {@code rdma:}, on a {@link FakeFabric}. */
public final class FakeRdmaTransport implements Transport {
  static final FakeFabric FABRIC = new FakeFabric(Long.getLong("godwit.seed", 1));

  private static final Monitor MONITOR = new Monitor();
  private static final Map<String, FakeListener> LISTENERS = new HashMap<>();

  /** A dial that waits to be accepted. */
  private static final class Dial {
    final byte[] request;
    final FakeQueuePair queuePair;
    byte @Nullable [] reply;

    Dial(byte[] request, FakeQueuePair queuePair) {
      this.request = request;
      this.queuePair = queuePair;
    }
  }

  @Override
  public String scheme() {
    return "rdma-fake";
  }

  @Override
  public String description() {
    return "RDMA without a device";
  }

  @Override
  public Availability availability() {
    return Availability.available();
  }

  @Override
  public Capabilities capabilities() {
    return RdmaTransport.CAPABILITIES;
  }

  @Override
  public Map<String, String> settings() {
    return RdmaOptions.SETTINGS;
  }

  @Override
  public Dialer dialer(Endpoint target) {
    return new FakeDialer(target, RdmaOptions.of(target));
  }

  @Override
  public Listener listen(Endpoint address) throws ChannelException {
    FakeListener listener = new FakeListener(address, RdmaOptions.of(address));
    MONITOR.lock();
    try {
      if (LISTENERS.putIfAbsent(address.address(), listener) != null) {
        throw new ChannelException.Refused("Taken");
      }
    } finally {
      MONITOR.unlock();
    }
    return listener;
  }

  private static FakeQueuePair queuePair(Rings rings, Domain domain) {
    FakeQueuePair made = FABRIC.queuePair(rings, domain);
    for (int slot = 0; slot < rings.receiveSlots(); slot++) {
      made.postReceive(slot);
    }
    return made;
  }

  private static Channel channel(
      Endpoint here,
      FakeQueuePair queuePair,
      Rings rings,
      RdmaPeer peer,
      RdmaOptions options,
      Greeting theirs) {
    ChannelInfo info =
        new ChannelInfo(
            ChannelLifecycle.nextSerial(),
            here,
            here,
            new PeerIdentity.Unknown(),
            RdmaTransport.CAPABILITIES,
            peer);
    return RdmaChannel.open(info, queuePair, rings, peer, options, theirs);
  }

  private static final class FakeDialer implements Dialer {
    private final Endpoint target;
    private final RdmaOptions options;
    private final RdmaPeer peer;
    private @Nullable Throwable abortedBy;
    private boolean closed;
    private int dialled;

    FakeDialer(Endpoint target, RdmaOptions options) {
      this.target = target;
      this.options = options;
      this.peer = new RdmaPeer(UUID.randomUUID(), options, () -> {});
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
      MONITOR.lock();
      try {
        requireOpen();
        FakeListener listener = LISTENERS.get(target.address());
        if (listener == null) {
          throw new ChannelException.Refused("Nobody listens");
        }
        Domain domain = peer.enter(FABRIC, FABRIC::domain);
        Rings rings = new Rings(options.slots(), options.slotBytes());
        FakeQueuePair made = queuePair(rings, domain);
        Dial dial = new Dial(peer.greeting(dialled++).encode(), made);
        boolean done = false;
        try {
          listener.dials.add(dial);
          MONITOR.signalAll();
          while (dial.reply == null) {
            requireOpen();
            if (!MONITOR.await(deadline)) {
              throw new ChannelException.TimedOut("Not accepted");
            }
          }
          Greeting theirs = Greeting.decode(dial.reply);
          peer.greeted(theirs);
          done = true;
          return channel(target, made, rings, peer, options, theirs);
        } finally {
          if (!done) {
            listener.dials.remove(dial);
            made.close();
            rings.close();
            peer.exit();
          }
        }
      } finally {
        MONITOR.unlock();
      }
    }

    private void requireOpen() throws ChannelException {
      if (abortedBy != null || closed) {
        throw new ChannelException.Aborted("Dialling ended", abortedBy);
      }
    }

    @Override
    public void abort(Throwable cause) {
      MONITOR.lock();
      try {
        if (abortedBy == null) {
          abortedBy = cause;
        }
        MONITOR.signalAll();
      } finally {
        MONITOR.unlock();
      }
      peer.abort(cause);
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  private static final class FakeListener implements Listener {
    private final Endpoint local;
    private final RdmaOptions options;
    private final Sessions sessions;
    private final Deque<Dial> dials = new ArrayDeque<>();
    private @Nullable Throwable abortedBy;
    private boolean closed;

    FakeListener(Endpoint local, RdmaOptions options) {
      this.local = local;
      this.options = options;
      this.sessions = new Sessions(options);
    }

    @Override
    public Endpoint local() {
      return local;
    }

    @Override
    public Channel accept(Deadline deadline) throws ChannelException {
      MONITOR.lock();
      try {
        while (true) {
          if (abortedBy != null || closed) {
            throw new ChannelException.Aborted("Listening ended", abortedBy);
          }
          Dial dial = dials.poll();
          if (dial != null) {
            Greeting theirs = Greeting.decode(dial.request);
            RdmaPeer peer = sessions.peer(theirs.session());
            Domain domain = peer.enter(FABRIC, FABRIC::domain);
            peer.greeted(theirs);
            Rings rings = new Rings(options.slots(), options.slotBytes());
            FakeQueuePair made = queuePair(rings, domain);
            made.connect(dial.queuePair);
            dial.reply = peer.greeting(theirs.channel()).encode();
            MONITOR.signalAll();
            return channel(local, made, rings, peer, options, theirs);
          }
          if (!MONITOR.await(deadline)) {
            throw new ChannelException.TimedOut("Nobody came");
          }
        }
      } finally {
        MONITOR.unlock();
      }
    }

    @Override
    public void abort(Throwable cause) {
      MONITOR.lock();
      try {
        if (abortedBy == null && !closed) {
          abortedBy = cause;
        }
        MONITOR.signalAll();
      } finally {
        MONITOR.unlock();
      }
    }

    @Override
    public void close() {
      MONITOR.lock();
      try {
        closed = true;
        LISTENERS.remove(local.address(), this);
        MONITOR.signalAll();
      } finally {
        MONITOR.unlock();
      }
    }
  }
}
