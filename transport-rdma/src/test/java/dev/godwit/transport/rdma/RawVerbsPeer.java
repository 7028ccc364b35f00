package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import com.ibm.disni.verbs.RdmaCm;
import com.ibm.disni.verbs.RdmaCmEvent.EventType;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaEventChannel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.HostPort;
import dev.godwit.transport.rdma.qemu.QemuGreeting;
import dev.godwit.transport.rdma.verbs.CmEvent;
import dev.godwit.transport.rdma.verbs.ConnectionParameters;
import dev.godwit.transport.rdma.verbs.Verbs;
import dev.godwit.transport.rdma.wire.Greeting;
import dev.godwit.transport.testkit.Await;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.util.Optional;
import java.util.UUID;

/** The other end of a channel over a device, by hand: it connects and sends as the test wants. */
final class RawVerbsPeer implements AutoCloseable {
  private static final int STEP_MILLIS = 10_000;

  final Verbs verbs;
  final RdmaCmId id;
  final RawWire wire;

  /** The same for who speaks as QEMU does: one of the two is used. */
  final RawQemuWire qemu;

  private final RdmaEventChannel events;
  private final VerbsDomain domain;
  private final Rings rings = new Rings(64, 8192);
  private final VerbsQueuePair queuePair;
  private final Arena arena = Arena.ofShared();

  /** What this end writes from. */
  final Registration memory;

  /** Takes over an id that is bound to a device, with the event channel that tells of it. */
  RawVerbsPeer(Verbs verbs, RdmaEventChannel events, RdmaCmId id) throws IOException {
    this.verbs = verbs;
    this.id = id;
    this.events = events;
    domain = VerbsDomain.open(verbs, id.getVerbs());
    queuePair = VerbsQueuePair.create(verbs, id, domain, rings, 16);
    queuePair.listenTo(events);
    wire = new RawWire(queuePair, rings);
    qemu = new RawQemuWire(queuePair, rings);
    memory = domain.register(arena.allocate(1 << 20, 4096).fill((byte) 1), Domain.Rights.READ);
  }

  /** One that is about to connect. */
  static RawVerbsPeer calling(Endpoint target) throws IOException {
    Verbs verbs = Verbs.install();
    RdmaEventChannel events = RdmaEventChannel.createEventChannel();
    RdmaCmId id = events.createId(RdmaCm.RDMA_PS_TCP);
    HostPort to = HostPort.of(target);
    id.resolveAddr(null, new InetSocketAddress(to.host(), to.port()), STEP_MILLIS);
    expect(verbs, events, EventType.RDMA_CM_EVENT_ADDR_RESOLVED);
    id.resolveRoute(STEP_MILLIS);
    expect(verbs, events, EventType.RDMA_CM_EVENT_ROUTE_RESOLVED);
    return new RawVerbsPeer(verbs, events, id);
  }

  /** One that has connected as a Godwit does which takes {@code slots} frames. */
  static RawVerbsPeer connected(Endpoint target, int slots) throws IOException {
    RawVerbsPeer peer = calling(target);
    peer.connect(new Greeting(0, UUID.randomUUID(), slots, 4096, 0, 8 << 20).encode());
    peer.expect(EventType.RDMA_CM_EVENT_ESTABLISHED);
    return peer;
  }

  /** One that has connected as a QEMU does. */
  static RawVerbsPeer connectedAsQemu(Endpoint target, boolean pinAll) throws IOException {
    RawVerbsPeer peer = calling(target);
    peer.connect(new QemuGreeting(pinAll).encode());
    peer.expect(EventType.RDMA_CM_EVENT_ESTABLISHED);
    return peer;
  }

  /** Registers for the other end to write into. */
  Registration register(MemorySegment memory) throws ChannelException {
    return domain.register(memory, Domain.Rights.REMOTE_WRITE);
  }

  void disconnect() {
    queuePair.disconnect();
  }

  /** Asks for the connection; nothing more happens until events are taken. */
  void connect(byte[] privateData) throws IOException {
    id.connect(ConnectionParameters.of(privateData));
  }

  static CmEvent expect(Verbs verbs, RdmaEventChannel events, EventType type) throws IOException {
    Optional<CmEvent> event = verbs.event(events, Deadline.after(Await.LIMIT));
    assertThat(event).as("%s comes", type).isPresent();
    assertThat(event.orElseThrow().is(type)).as("%s instead of %s", event, type).isTrue();
    return event.orElseThrow();
  }

  /** The next event, which must be of this type. */
  CmEvent expect(EventType type) throws IOException {
    return expect(verbs, events, type);
  }

  /** Goes without a word, as a process that ends does. */
  @Override
  public void close() throws ChannelException {
    memory.close();
    queuePair.close();
    domain.close();
    rings.close();
    arena.close();
  }
}
