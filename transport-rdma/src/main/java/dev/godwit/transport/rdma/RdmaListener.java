package dev.godwit.transport.rdma;

import com.ibm.disni.verbs.RdmaCmEvent.EventType;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaEventChannel;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.rdma.qemu.QemuGreeting;
import dev.godwit.transport.rdma.verbs.CmEvent;
import dev.godwit.transport.rdma.verbs.ConnectionParameters;
import dev.godwit.transport.rdma.verbs.Verbs;
import dev.godwit.transport.rdma.verbs.Wait;
import dev.godwit.transport.rdma.wire.Greeting;
import dev.godwit.transport.rdma.wire.Refusal;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Accepts channels. Whoever accepts drives all handshakes that are under way, so that one peer that
 * stops in the middle of his holds up nobody.
 */
final class RdmaListener implements Listener {
  private static final Logger LOG = LoggerFactory.getLogger(RdmaListener.class);

  /** For the last step of a peer's handshake, which is one packet. */
  private static final Duration HANDSHAKE = Duration.ofSeconds(10);

  /** Makes the channel of a connection, in the peer's dialect, for whoever accepts. */
  private interface Opening {
    void open(RdmaEventChannel events) throws ChannelException;
  }

  /** A QEMU's first connection, whose return path has not come yet. */
  private record Waiting(Channel main, InetAddress from, Deadline deadline) {}

  /** An accepted connection that the peer has not confirmed yet. */
  private record Handshake(Connection connection, Opening opening, Deadline deadline) {}

  private final Verbs verbs;
  private final Endpoint local;
  private final RdmaOptions options;
  private final RdmaEventChannel events;
  private final RdmaCmId id;
  private final Wait wait;
  private final Sessions sessions;
  private final ReentrantLock accepting = new ReentrantLock();
  private final List<Handshake> handshakes = new ArrayList<>();
  private final List<Waiting> waiting = new ArrayList<>();
  private final Deque<Channel> ready = new ArrayDeque<>();
  private @Nullable Throwable abortedBy;
  private boolean closed;

  /** The id listens; it, its event channel and the wait are this listener's from now on. */
  RdmaListener(
      Verbs verbs,
      Endpoint local,
      RdmaOptions options,
      RdmaEventChannel events,
      RdmaCmId id,
      Wait wait) {
    this.verbs = verbs;
    this.local = local;
    this.options = options;
    this.events = events;
    this.id = id;
    this.wait = wait;
    this.sessions = new Sessions(options);
  }

  @Override
  public Endpoint local() {
    return local;
  }

  @Override
  public Channel accept(Deadline deadline) throws ChannelException {
    return PlatformThread.run("godwit-rdma-accept", () -> acceptHere(deadline));
  }

  private Channel acceptHere(Deadline deadline) throws ChannelException {
    accepting.lock();
    try {
      while (true) {
        requireOpen();
        // Before whoever comes behind it: of a QEMU without a return path nobody else may be taken.
        Channel next = ready.poll();
        if (next != null) {
          return next;
        }
        Optional<CmEvent> event = Errors.checked(() -> verbs.event(events, Deadlines.PASSED));
        if (event.isPresent()) {
          handle(event.get());
          continue;
        }
        expire();
        if (deadline.hasPassed()) {
          throw new ChannelException.TimedOut("Nobody connected to " + local + " in time");
        }
        Errors.checked(() -> wait.await(untilNext(deadline)));
      }
    } finally {
      accepting.unlock();
    }
  }

  private Deadline untilNext(Deadline deadline) {
    return handshakes.isEmpty() && waiting.isEmpty()
        ? deadline
        : Deadlines.sooner(deadline, HANDSHAKE);
  }

  private void expire() {
    for (Iterator<Handshake> all = handshakes.iterator(); all.hasNext(); ) {
      Handshake handshake = all.next();
      if (handshake.deadline().hasPassed()) {
        all.remove();
        LOG.warn("A peer did not confirm its connection to {} in time", local);
        drop(handshake.connection());
      }
    }
    for (Iterator<Waiting> all = waiting.iterator(); all.hasNext(); ) {
      Waiting first = all.next();
      if (first.deadline().hasPassed()) {
        all.remove();
        LOG.warn(
            "A QEMU opened no second connection to {}; it does with return-path (10.0) or"
                + " postcopy-ram on: turn that on there, or leave return-path out of the URI here",
            local);
        drop(first.main());
      }
    }
  }

  @SuppressWarnings("ReferenceEquality") // An id is the same object in all events.
  private void handle(CmEvent event) throws ChannelException {
    RdmaCmId from = event.getConnIdPriv();
    if (event.is(EventType.RDMA_CM_EVENT_CONNECT_REQUEST)) {
      request(from, event.privateData());
    } else if (event.is(EventType.RDMA_CM_EVENT_DEVICE_REMOVAL) && (from == null || from == id)) {
      throw new ChannelException.Lost("The device that listens at " + local + " was removed");
    } else {
      Handshake handshake = taken(from);
      if (handshake == null) {
        return;
      }
      if (event.is(EventType.RDMA_CM_EVENT_ESTABLISHED)) {
        establish(handshake);
      } else {
        LOG.warn("A connection to {} did not come about: {}", local, event);
        drop(handshake.connection());
      }
    }
  }

  @SuppressWarnings("ReferenceEquality") // As above.
  private @Nullable Handshake taken(@Nullable RdmaCmId from) {
    for (Handshake handshake : handshakes) {
      if (handshake.connection().id() == from) {
        handshakes.remove(handshake);
        return handshake;
      }
    }
    return null;
  }

  /** Somebody wants to connect; whatever is wrong with him is his problem alone. */
  private void request(RdmaCmId from, byte[] data) {
    Connection connection = null;
    boolean accepted = false;
    try {
      Opening opening;
      byte[] ours;
      if (Greeting.isGodwits(data)) {
        Greeting theirs = Greeting.decode(data);
        RdmaPeer peer = sessions.peer(theirs.session());
        Connection made = Connection.open(verbs, from, peer, options);
        connection = made;
        peer.greeted(theirs);
        ours = peer.greeting(theirs.channel()).encode();
        opening = events -> ready.add(made.channel(events, local, theirs));
      } else {
        QemuGreeting theirs = QemuGreeting.decode(data);
        Connection made = Connection.openForQemu(verbs, from, RdmaPeer.ofQemu(options), options);
        connection = made;
        ours = theirs.encode();
        opening = events -> fromQemu(made, events, theirs);
      }
      Errors.checked(
          () -> {
            from.accept(ConnectionParameters.of(ours));
            return 0;
          });
      accepted = true;
      handshakes.add(new Handshake(connection, opening, Deadline.after(HANDSHAKE)));
    } catch (ChannelException | RuntimeException e) {
      LOG.warn("A connection to {} was refused: {}", local, e.getMessage());
      if (!accepted) {
        reject(from, connection, String.valueOf(e.getMessage()));
      }
    }
  }

  private void reject(RdmaCmId from, @Nullable Connection connection, String why) {
    try {
      verbs.reject(from, Refusal.encode(why));
    } catch (java.io.IOException e) {
      LOG.debug("The peer of {} was gone before it was refused: {}", local, e.getMessage());
    }
    try {
      if (connection != null) {
        connection.close();
      } else {
        from.destroyId();
      }
    } catch (java.io.IOException e) {
      LOG.warn("A refused connection to {} was not released", local, e);
    }
  }

  private void establish(Handshake handshake) {
    RdmaEventChannel own = null;
    boolean done = false;
    try {
      RdmaEventChannel opened = RdmaEventChannel.createEventChannel();
      own = opened;
      verbs.migrate(handshake.connection().id(), opened);
      handshake.opening().open(opened);
      done = true;
    } catch (java.io.IOException e) {
      LOG.warn("A connection to {} was lost at once", local, e);
    } finally {
      if (!done) {
        drop(handshake.connection());
        destroy(own);
      }
    }
  }

  /** The first connection of a QEMU, or the second, which is for its return path. */
  private void fromQemu(Connection made, RdmaEventChannel events, QemuGreeting theirs)
      throws ChannelException {
    if (!options.returnPath()) {
      ready.add(made.channelFromQemu(events, local, theirs));
      return;
    }
    InetAddress from = address(made);
    for (Waiting first : waiting) {
      if (first.from().equals(from)) {
        waiting.remove(first);
        Channel back = made.returnToQemu(events, local);
        ready.add(QemuTwoWayChannel.ofDestination(first.main(), back));
        return;
      }
    }
    Channel main = made.channelFromQemu(events, local, theirs);
    waiting.add(new Waiting(main, from, Deadline.after(HANDSHAKE)));
  }

  private static InetAddress address(Connection connection) throws ChannelException {
    SocketAddress from = Errors.checked(connection.id()::getDestination);
    return from instanceof InetSocketAddress inet
        ? inet.getAddress()
        : InetAddress.getLoopbackAddress();
  }

  private void destroy(@Nullable RdmaEventChannel channel) {
    try {
      if (channel != null) {
        channel.destroyEventChannel();
      }
    } catch (java.io.IOException e) {
      LOG.warn("An event channel of {} was not released", local, e);
    }
  }

  private void drop(Channel channel) {
    channel.abort(new ChannelException.Aborted("Nobody has accepted it", null));
    try {
      channel.close();
    } catch (ChannelException e) {
      LOG.warn("A connection to {} was not released", local, e);
    }
  }

  private void drop(Connection connection) {
    try {
      connection.close();
    } catch (ChannelException e) {
      LOG.warn("A connection to {} was not released", local, e);
    }
  }

  private synchronized void requireOpen() throws ChannelException {
    if (abortedBy != null || closed) {
      throw new ChannelException.Aborted("Listening at " + local + " has ended", abortedBy);
    }
  }

  @Override
  public void abort(Throwable cause) {
    synchronized (this) {
      if (abortedBy != null || closed) {
        return;
      }
      abortedBy = cause;
    }
    wait.ring();
  }

  @Override
  public void close() throws ChannelException {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    wait.ring();
    accepting.lock();
    try {
      handshakes.forEach(handshake -> drop(handshake.connection()));
      handshakes.clear();
      waiting.forEach(first -> drop(first.main()));
      waiting.clear();
      for (Channel unclaimed : ready) {
        unclaimed.abort(new ChannelException.Aborted("The listener was closed", null));
        unclaimed.close();
      }
      ready.clear();
      wait.close();
      rejectTheRest();
      Errors.checked(id::destroyId);
      Errors.checked(events::destroyEventChannel);
    } finally {
      accepting.unlock();
    }
  }

  /** Requests that nobody looked at have ids of their own. */
  private void rejectTheRest() throws ChannelException {
    while (true) {
      Optional<CmEvent> event = Errors.checked(() -> verbs.event(events, Deadlines.PASSED));
      if (event.isEmpty()) {
        return;
      }
      if (event.get().is(EventType.RDMA_CM_EVENT_CONNECT_REQUEST)) {
        reject(event.get().getConnIdPriv(), null, "Nobody listens here any more");
      }
    }
  }
}
