package dev.godwit.transport.rdma;

import com.ibm.disni.verbs.RdmaCm;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaEventChannel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.HostPort;
import dev.godwit.transport.Listener;
import dev.godwit.transport.rdma.verbs.Verbs;
import dev.godwit.transport.rdma.verbs.Wait;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;

/** Listens on one address: of a host its first, without a host on all of this machine's devices. */
final class RdmaBinder {
  /** Requests that wait to be looked at; a wide migration dials as fast as it can. */
  private static final int BACKLOG = 256;

  private static final Duration RESOLVE = Duration.ofSeconds(30);

  private RdmaBinder() {}

  static Listener listen(Verbs verbs, Endpoint address, RdmaOptions options)
      throws ChannelException {
    MemoryLimit.requireRings(Verbs.lockableBytes(), options);
    RdmaEventChannel events = Errors.checked(RdmaEventChannel::createEventChannel);
    RdmaCmId id = null;
    boolean done = false;
    Wait wait = Wait.open();
    try {
      RdmaCmId listening = Errors.checked(() -> events.createId(RdmaCm.RDMA_PS_TCP));
      id = listening;
      Errors.checked(() -> wait.add(events));
      bind(verbs, listening, address, options);
      InetSocketAddress bound = (InetSocketAddress) Errors.checked(listening::getSource);
      Endpoint local =
          address.at(new HostPort(options.address().host(), bound.getPort()).toString());
      Listener listener = new RdmaListener(verbs, local, options, events, listening, wait);
      done = true;
      return listener;
    } finally {
      if (!done) {
        wait.close();
        if (id != null) {
          RdmaCmId unused = id;
          Errors.checked(unused::destroyId);
        }
        Errors.checked(events::destroyEventChannel);
      }
    }
  }

  private static void bind(Verbs verbs, RdmaCmId id, Endpoint address, RdmaOptions options)
      throws ChannelException {
    try {
      Errors.checked(
          () -> {
            verbs.reuseAddress(id);
            id.bindAddr(new InetSocketAddress(where(address, options), options.address().port()));
            id.listen(BACKLOG);
            return 0;
          });
    } catch (ChannelException.Native e) {
      throw refused(address, e);
    }
    if (!options.address().host().isEmpty() && Errors.checked(id::getVerbs) == null) {
      throw noDevice(address);
    }
  }

  private static InetAddress where(Endpoint address, RdmaOptions options) throws ChannelException {
    String host = options.address().host();
    if (host.isEmpty()) {
      return InetAddress.ofLiteral("0.0.0.0");
    }
    List<InetAddress> found = Resolver.resolve(address, host, Deadline.after(RESOLVE), () -> {});
    return found.getFirst();
  }

  private static ChannelException refused(Endpoint address, ChannelException.Native e) {
    return switch (e.errno()) {
      case Errors.EADDRINUSE ->
          new ChannelException.Refused("Somebody else listens at " + address + " already", e);
      case Errors.EADDRNOTAVAIL ->
          new ChannelException.Refused(
              "The address of " + address + " does not belong to this host", e);
      case Errors.ENODEV -> noDevice(address);
      case Errors.EACCES ->
          new ChannelException.Refused("This process may not listen at " + address, e);
      default -> e;
    };
  }

  private static ChannelException noDevice(Endpoint address) {
    return new ChannelException.Refused(
        "No RDMA device of this host has the address of "
            + address
            + "; 'rdma link' shows those that are there");
  }
}
