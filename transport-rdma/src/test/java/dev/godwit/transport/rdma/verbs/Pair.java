package dev.godwit.transport.rdma.verbs;

import com.ibm.disni.verbs.RdmaCm;
import com.ibm.disni.verbs.RdmaCmEvent.EventType;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaEventChannel;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/** Two sides that are connected, over the lab VM's device. */
final class Pair implements AutoCloseable {
  private static final int STEP_MILLIS = 10_000;

  final Verbs verbs;
  final RdmaCmId listener;
  final Side client;
  final Side server;
  final CmEvent request;
  final CmEvent established;

  private Pair(
      Verbs verbs,
      RdmaCmId listener,
      Side client,
      Side server,
      CmEvent request,
      CmEvent established) {
    this.verbs = verbs;
    this.listener = listener;
    this.client = client;
    this.server = server;
    this.request = request;
    this.established = established;
  }

  static String address() {
    return System.getProperty("godwit.rdma.address", "10.0.2.15");
  }

  static RdmaCmId listen(RdmaEventChannel events, String address) throws IOException {
    RdmaCmId listener = events.createId(RdmaCm.RDMA_PS_TCP);
    listener.bindAddr(new InetSocketAddress(InetAddress.getByName(address), 0));
    listener.listen(8);
    return listener;
  }

  static InetSocketAddress addressOf(RdmaCmId id) throws IOException {
    return (InetSocketAddress) id.getSource();
  }

  /** An id with its route resolved. */
  static RdmaCmId resolve(Verbs verbs, RdmaEventChannel events, InetSocketAddress to)
      throws IOException {
    RdmaCmId id = events.createId(RdmaCm.RDMA_PS_TCP);
    id.resolveAddr(null, to, STEP_MILLIS);
    Side.expect(verbs, events, EventType.RDMA_CM_EVENT_ADDR_RESOLVED);
    id.resolveRoute(STEP_MILLIS);
    Side.expect(verbs, events, EventType.RDMA_CM_EVENT_ROUTE_RESOLVED);
    return id;
  }

  static Pair connect() throws IOException {
    return connect(address(), new byte[0], new byte[0]);
  }

  static Pair connect(String address, byte[] asked, byte[] answered) throws IOException {
    Verbs verbs = Verbs.install();
    RdmaEventChannel listening = RdmaEventChannel.createEventChannel();
    RdmaCmId listener = listen(listening, address);
    RdmaEventChannel calling = RdmaEventChannel.createEventChannel();
    Side client = new Side(verbs, calling, resolve(verbs, calling, addressOf(listener)));
    client.id.connect(ConnectionParameters.of(asked));
    CmEvent request = Side.expect(verbs, listening, EventType.RDMA_CM_EVENT_CONNECT_REQUEST);
    RdmaEventChannel accepted = RdmaEventChannel.createEventChannel();
    verbs.migrate(request.getConnIdPriv(), accepted);
    Side server = new Side(verbs, accepted, request.getConnIdPriv());
    server.id.accept(ConnectionParameters.of(answered));
    CmEvent established = client.expect(EventType.RDMA_CM_EVENT_ESTABLISHED);
    server.expect(EventType.RDMA_CM_EVENT_ESTABLISHED);
    return new Pair(verbs, listener, client, server, request, established);
  }

  @Override
  public void close() throws IOException {
    client.id.disconnect();
    for (Side side : new Side[] {client, server}) {
      side.close();
      side.events.destroyEventChannel();
    }
    RdmaEventChannel listening = listener.getCmChannel();
    listener.destroyId();
    listening.destroyEventChannel();
  }
}
