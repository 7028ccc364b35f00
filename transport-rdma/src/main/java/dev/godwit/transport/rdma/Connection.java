package dev.godwit.transport.rdma;

import com.ibm.disni.verbs.IbvContext;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaEventChannel;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.HostPort;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Settings;
import dev.godwit.transport.rdma.verbs.Verbs;
import dev.godwit.transport.rdma.wire.Greeting;
import dev.godwit.transport.support.ChannelLifecycle;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;

/**
 * What a channel is made of, while it comes about: its queue pair in the peer's domain, with rings
 * and posted receives. Becomes a channel, or is closed.
 */
final class Connection implements AutoCloseable {
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

  /** For an id that is bound to a device; takes it over unless this fails. */
  static Connection open(Verbs verbs, RdmaCmId id, RdmaPeer peer, RdmaOptions options)
      throws ChannelException {
    IbvContext context = Errors.checked(id::getVerbs);
    String device = Errors.checked(() -> verbs.deviceName(context));
    Domain domain = peer.enter(device, () -> VerbsDomain.open(verbs, context));
    Rings rings = null;
    boolean done = false;
    try {
      rings = new Rings(options.slots(), options.slotBytes());
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
    queuePair.listenTo(events);
    ChannelInfo info =
        new ChannelInfo(
            ChannelLifecycle.nextSerial(),
            Errors.checked(() -> endpoint(id().getSource(), given)),
            Errors.checked(() -> endpoint(id().getDestination(), given)),
            new PeerIdentity.Unknown(),
            RdmaTransport.CAPABILITIES,
            peer);
    Channel channel = RdmaChannel.open(info, queuePair, rings, peer, options, theirs);
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
