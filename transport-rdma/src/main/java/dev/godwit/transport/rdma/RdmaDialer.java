package dev.godwit.transport.rdma;

import com.ibm.disni.verbs.RdmaCm;
import com.ibm.disni.verbs.RdmaCmEvent.EventType;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaEventChannel;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Peer;
import dev.godwit.transport.rdma.qemu.QemuGreeting;
import dev.godwit.transport.rdma.verbs.CmEvent;
import dev.godwit.transport.rdma.verbs.ConnectionParameters;
import dev.godwit.transport.rdma.verbs.Verbs;
import dev.godwit.transport.rdma.verbs.Wait;
import dev.godwit.transport.rdma.wire.Greeting;
import dev.godwit.transport.rdma.wire.Refusal;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Connects channels one by one; all have one session, and one peer. */
final class RdmaDialer implements Dialer {
  /** Status of a rejection where nobody listens. */
  private static final int NO_LISTENER = 8;

  /** For a QEMU to take a second connection, if it does. */
  private static final Duration RETURN_PATH = Duration.ofSeconds(5);

  private final Verbs verbs;
  private final Endpoint target;
  private final RdmaOptions options;
  private final RdmaPeer peer;
  private final AtomicInteger channels = new AtomicInteger();
  private final Set<Wait> waits = new HashSet<>();
  private @Nullable Throwable abortedBy;
  private boolean closed;

  RdmaDialer(Verbs verbs, Endpoint target, RdmaOptions options) {
    if (options.address().port() == 0) {
      throw new EndpointException("Port 0 in " + target + " can be listened on, but not dialled");
    }
    this.verbs = verbs;
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
    requireOpen();
    if (peer.isTakenByQemu()) {
      throw new ChannelException.Unsupported(
          target + " is a QEMU, whose own rdma: carries one channel a migration");
    }
    MemoryLimit.require(
        Verbs.lockableBytes(),
        Rings.bytes(options.slots(), options.slotBytes()) + peer.pinnedBytes(),
        "a channel's rings and the regions of pin-all");
    return PlatformThread.run("godwit-rdma-dial", () -> connect(deadline));
  }

  private Channel connect(Deadline deadline) throws ChannelException {
    List<ChannelException> failures = new ArrayList<>();
    for (InetAddress address : addresses(deadline)) {
      try {
        return connect(new InetSocketAddress(address, options.address().port()), deadline);
      } catch (ChannelException.Refused | ChannelException.Native e) {
        failures.add(e);
      }
    }
    ChannelException last = failures.removeLast();
    failures.forEach(last::addSuppressed);
    throw last;
  }

  private List<InetAddress> addresses(Deadline deadline) throws ChannelException {
    String host = options.address().host();
    if (host.isEmpty()) {
      throw new ChannelException.Refused(
          "A host is needed in " + target + ": RDMA devices do not serve the loopback address");
    }
    return Resolver.resolve(target, host, deadline, this::requireOpen);
  }

  private Channel connect(InetSocketAddress to, Deadline deadline) throws ChannelException {
    Channel channel = connect(to, deadline, Connection::open, this::speak);
    boolean ofQemu = channel.info().capabilities().equals(RdmaTransport.QEMU);
    if (!ofQemu || !options.returnPath()) {
      return channel;
    }
    Channel both = null;
    try {
      Channel back =
          connect(
              to,
              Deadlines.sooner(deadline, RETURN_PATH),
              Connection::openForQemu,
              (made, events, reply) -> made.returnFromQemu(events, target));
      both = QemuTwoWayChannel.ofSource(channel, back);
      return both;
    } catch (ChannelException.TimedOut | ChannelException.Refused e) {
      throw new ChannelException.Refused(
          "The QEMU of "
              + target
              + " takes no second connection; it does with return-path (10.0) or postcopy-ram on:"
              + " turn that on there, or leave return-path out of the URI here",
          e);
    } finally {
      if (both == null) {
        channel.abort(new ChannelException.Lost("The return path did not come about"));
        channel.close();
      }
    }
  }

  /** Makes a connection whose rings take what the listener will send. */
  private interface Opening {
    Connection open(Verbs verbs, RdmaCmId id, RdmaPeer peer, RdmaOptions options)
        throws ChannelException;
  }

  /** Makes a channel of a connection, by what the listener has answered. */
  private interface Speaking {
    Channel speak(Connection made, RdmaEventChannel events, byte[] reply) throws ChannelException;
  }

  private Channel connect(
      InetSocketAddress to, Deadline deadline, Opening opening, Speaking speaking)
      throws ChannelException {
    RdmaEventChannel events = Errors.checked(RdmaEventChannel::createEventChannel);
    RdmaCmId id = null;
    Connection connection = null;
    Channel channel = null;
    try (Wait wait = Wait.open()) {
      Errors.checked(() -> wait.add(events));
      enter(wait);
      try {
        RdmaCmId resolving = Errors.checked(() -> events.createId(RdmaCm.RDMA_PS_TCP));
        id = resolving;
        resolve(resolving, to, events, wait, deadline);
        connection = opening.open(verbs, resolving, peer, options);
        id = null;
        byte[] reply = greet(resolving, events, wait, deadline);
        channel = speaking.speak(connection, events, reply);
        return channel;
      } finally {
        leave(wait);
      }
    } finally {
      if (channel == null) {
        release(connection, id, events);
      }
    }
  }

  private static void release(
      @Nullable Connection connection, @Nullable RdmaCmId id, RdmaEventChannel events)
      throws ChannelException {
    if (connection != null) {
      connection.close();
    }
    if (id != null) {
      RdmaCmId unused = id;
      Errors.checked(unused::destroyId);
    }
    Errors.checked(events::destroyEventChannel);
  }

  private void resolve(
      RdmaCmId id, InetSocketAddress to, RdmaEventChannel events, Wait wait, Deadline deadline)
      throws ChannelException {
    try {
      step(
          () -> id.resolveAddr(null, to, Deadlines.millis(deadline)),
          EventType.RDMA_CM_EVENT_ADDR_RESOLVED,
          events,
          wait,
          deadline);
    } catch (ChannelException.Native e) {
      if (e.call().equals("rdma_resolve_addr")) {
        throw new ChannelException.Refused(target + " cannot be reached from here", e);
      }
      throw e;
    }
    if (Errors.checked(id::getVerbs) == null) {
      throw new ChannelException.Refused("No RDMA device of this host leads to " + target);
    }
    step(
        () -> id.resolveRoute(Deadlines.millis(deadline)),
        EventType.RDMA_CM_EVENT_ROUTE_RESOLVED,
        events,
        wait,
        deadline);
  }

  private byte[] greet(RdmaCmId id, RdmaEventChannel events, Wait wait, Deadline deadline)
      throws ChannelException {
    byte[] ours = peer.greeting(channels.getAndIncrement() & 0xffff).encode();
    CmEvent established =
        step(
            () -> id.connect(ConnectionParameters.of(ours)),
            EventType.RDMA_CM_EVENT_ESTABLISHED,
            events,
            wait,
            deadline);
    return established.privateData();
  }

  /** The channel in the dialect of whoever has answered. */
  private Channel speak(Connection connection, RdmaEventChannel events, byte[] reply)
      throws ChannelException {
    if (!Greeting.isGodwits(reply)) {
      QemuGreeting theirs = qemu(reply);
      peer.answeredByQemu();
      return connection.channelToQemu(events, target, theirs);
    }
    Greeting theirs = Greeting.decode(reply);
    if (!theirs.session().equals(peer.session())) {
      throw new ChannelException.Violated(
          "The listener at " + target + " answered for another session");
    }
    peer.greeted(theirs);
    return connection.channel(events, target, theirs);
  }

  private QemuGreeting qemu(byte[] reply) throws ChannelException {
    try {
      return QemuGreeting.decode(reply);
    } catch (ChannelException.Violated e) {
      throw new ChannelException.Refused(
          "Who listens at " + target + " is neither a Godwit nor a QEMU", e);
    }
  }

  /** A call of the connection manager that is answered by an event. */
  private interface Step {
    void begin() throws java.io.IOException;
  }

  private CmEvent step(
      Step step, EventType wanted, RdmaEventChannel events, Wait wait, Deadline deadline)
      throws ChannelException {
    Errors.checked(
        () -> {
          step.begin();
          return 0;
        });
    CmEvent event = next(events, wait, deadline);
    if (event.is(wanted)) {
      return event;
    }
    throw refused(event);
  }

  private CmEvent next(RdmaEventChannel events, Wait wait, Deadline deadline)
      throws ChannelException {
    while (true) {
      requireOpen();
      Optional<CmEvent> event = Errors.checked(() -> verbs.event(events, Deadlines.PASSED));
      if (event.isPresent()) {
        return event.get();
      }
      if (deadline.hasPassed()) {
        throw new ChannelException.TimedOut(target + " did not answer in time");
      }
      Errors.checked(() -> wait.await(deadline));
    }
  }

  private ChannelException refused(CmEvent event) {
    if (event.is(EventType.RDMA_CM_EVENT_REJECTED)) {
      if (event.getStatus() == NO_LISTENER) {
        return new ChannelException.Refused("Nobody listens at " + target);
      }
      String reason = Refusal.decode(event.privateData());
      return new ChannelException.Refused(
          reason.isEmpty()
              ? target + " refuses the connection (" + event + ")"
              : target + " refuses the connection: " + reason);
    }
    if (event.is(EventType.RDMA_CM_EVENT_ADDR_ERROR)) {
      return switch (Math.abs(event.getStatus())) {
        case Errors.ETIMEDOUT -> new ChannelException.TimedOut(target + " did not answer in time");
        case Errors.ENETUNREACH, Errors.EHOSTUNREACH ->
            new ChannelException.Refused(target + " cannot be reached from here");
        default ->
            new ChannelException.Refused(
                "No RDMA device of this host leads to " + target + " (" + event + ")");
      };
    }
    return new ChannelException.Refused(target + " cannot be reached (" + event + ")");
  }

  private void enter(Wait wait) throws ChannelException {
    synchronized (waits) {
      waits.add(wait);
    }
    requireOpen();
  }

  private void leave(Wait wait) {
    synchronized (waits) {
      waits.remove(wait);
    }
  }

  private void requireOpen() throws ChannelException {
    synchronized (waits) {
      if (abortedBy != null || closed) {
        throw new ChannelException.Aborted("Dialling " + target + " has ended", abortedBy);
      }
    }
  }

  @Override
  public void abort(Throwable cause) {
    synchronized (waits) {
      if (abortedBy != null || closed) {
        return;
      }
      abortedBy = cause;
      waits.forEach(Wait::ring);
    }
    peer.abort(cause);
  }

  @Override
  public void close() {
    synchronized (waits) {
      closed = true;
      waits.forEach(Wait::ring);
    }
  }
}
