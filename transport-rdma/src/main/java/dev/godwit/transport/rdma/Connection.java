package dev.godwit.transport.rdma;

import com.ibm.disni.verbs.IbvContext;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaEventChannel;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.HostPort;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Settings;
import dev.godwit.transport.rdma.qemu.QemuGreeting;
import dev.godwit.transport.rdma.verbs.Verbs;
import dev.godwit.transport.rdma.wire.Greeting;
import dev.godwit.transport.support.ChannelLifecycle;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;

/**
 * What a channel is made of, while it comes about: its queue pair in the peer's domain, with rings
 * and posted receives. Becomes a channel, or is closed.
 */
final class Connection implements AutoCloseable {
  /** For a QEMU to ask for the stream, which it does at once. */
  private static final Duration FIRST_WORD = Duration.ofSeconds(10);

  private final RdmaPeer peer;
  private final RdmaOptions options;
  private final Rings rings;
  private final VerbsQueuePair queuePair;
  private boolean handedOver;

  private Connection(RdmaPeer peer, RdmaOptions options, Rings rings, VerbsQueuePair queuePair) {
    this.peer = peer;
    this.options = options;
    this.rings = rings;
    this.queuePair = queuePair;
  }

  /** Makes the memory that messages stand in. */
  private interface RingSource {
    Rings make();
  }

  /** For an id that is bound to a device; takes it over unless this fails. */
  static Connection open(Verbs verbs, RdmaCmId id, RdmaPeer peer, RdmaOptions options)
      throws ChannelException {
    return open(verbs, id, peer, options, () -> new Rings(options.slots(), options.slotBytes()));
  }

  /** The same for a QEMU that wants to connect. */
  static Connection openForQemu(Verbs verbs, RdmaCmId id, RdmaPeer peer, RdmaOptions options)
      throws ChannelException {
    return open(verbs, id, peer, options, Rings::ofQemu);
  }

  private static Connection open(
      Verbs verbs, RdmaCmId id, RdmaPeer peer, RdmaOptions options, RingSource ringSource)
      throws ChannelException {
    IbvContext context = Errors.checked(id::getVerbs);
    String device = Errors.checked(() -> verbs.deviceName(context));
    Domain domain = peer.enter(device, () -> VerbsDomain.open(verbs, context));
    Rings rings = null;
    boolean done = false;
    try {
      rings = ringSource.make();
      VerbsQueuePair queuePair =
          VerbsQueuePair.create(verbs, id, (VerbsDomain) domain, rings, options.writes());
      done = true;
      return new Connection(peer, options, rings, queuePair);
    } finally {
      if (!done) {
        if (rings != null) {
          rings.close();
        }
        peer.exit();
      }
    }
  }

  RdmaCmId id() {
    return queuePair.id();
  }

  RdmaPeer peer() {
    return peer;
  }

  /**
   * The channel, once it is established; this owns nothing any more.
   *
   * @param events of the id alone
   * @param given what was dialled or listened at
   */
  Channel channel(RdmaEventChannel events, Endpoint given, Greeting theirs)
      throws ChannelException {
    return channel(
        events,
        given,
        RdmaTransport.CAPABILITIES,
        (channel, progress, name) ->
            new GodwitDialect(channel, queuePair, rings, progress, peer, options, theirs, name));
  }

  /** The same from a QEMU whose guest comes here. */
  Channel channelFromQemu(RdmaEventChannel events, Endpoint given, QemuGreeting theirs)
      throws ChannelException {
    return fromQemu(events, given, theirs.pinAll(), false);
  }

  private Channel fromQemu(
      RdmaEventChannel events, Endpoint given, boolean pinAll, boolean mayBegin)
      throws ChannelException {
    return channel(
        events,
        given,
        RdmaTransport.QEMU,
        (channel, progress, name) ->
            new QemuTarget(queuePair, rings, progress, peer, pinAll, mayBegin, name)
                .endingSilently(mayBegin ? "" : silentEnd(name)));
  }

  /** What becomes of a source whose migration fails before it begins. */
  private String silentEnd(String name) {
    return "The source of "
        + name
        + " ended before it sent anything"
        + (options.returnPath()
            ? ""
            : "; a QEMU with return-path (10.0) or postcopy-ram on wants a second connection: set"
                + " return-path=on in the URI here, or turn it off there");
  }

  /** The return path of a QEMU that takes a guest from here, to be read. */
  Channel returnFromQemu(RdmaEventChannel events, Endpoint given) throws ChannelException {
    return fromQemu(events, given, false, true);
  }

  /** The return path of a QEMU whose guest comes here, to be written. */
  Channel returnToQemu(RdmaEventChannel events, Endpoint given) throws ChannelException {
    return channel(
        events,
        given,
        RdmaTransport.QEMU,
        (channel, progress, name) ->
            new QemuSource(queuePair, rings, progress, peer, false, options.writes(), name));
  }

  /** The same to a QEMU that takes a guest from here. */
  Channel channelToQemu(RdmaEventChannel events, Endpoint given, QemuGreeting theirs)
      throws ChannelException {
    return channel(
        events,
        given,
        RdmaTransport.QEMU,
        (channel, progress, name) ->
            new QemuSource(
                    queuePair, rings, progress, peer, theirs.pinAll(), options.writes(), name)
                .wantedBy(
                    Deadline.after(FIRST_WORD),
                    "The QEMU of " + name + " accepts the connection and asks for nothing"));
  }

  private Channel channel(
      RdmaEventChannel events,
      Endpoint given,
      Capabilities capabilities,
      RdmaChannel.DialectSource dialects)
      throws ChannelException {
    queuePair.listenTo(events);
    ChannelInfo info =
        new ChannelInfo(
            ChannelLifecycle.nextSerial(),
            Errors.checked(() -> endpoint(id().getSource(), given)),
            Errors.checked(() -> endpoint(id().getDestination(), given)),
            new PeerIdentity.Unknown(),
            capabilities,
            peer);
    Channel channel = RdmaChannel.open(info, queuePair, rings, peer, options, dialects);
    handedOver = true;
    return channel;
  }

  private static Endpoint endpoint(SocketAddress address, Endpoint given) throws IOException {
    if (address instanceof InetSocketAddress inet) {
      return new Endpoint(
          given.scheme(),
          new HostPort(inet.getAddress().getHostAddress(), inet.getPort()).toString(),
          Settings.none());
    }
    return given;
  }

  @Override
  public void close() throws ChannelException {
    if (handedOver) {
      return;
    }
    handedOver = true;
    try {
      queuePair.disconnect();
      queuePair.close();
    } finally {
      rings.close();
      peer.exit();
    }
  }
}
