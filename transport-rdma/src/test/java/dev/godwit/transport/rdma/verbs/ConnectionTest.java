package dev.godwit.transport.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.ibm.disni.verbs.IbvQP;
import com.ibm.disni.verbs.IbvQPInitAttr;
import com.ibm.disni.verbs.RdmaCm;
import com.ibm.disni.verbs.RdmaCmEvent.EventType;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaConnParam;
import com.ibm.disni.verbs.RdmaEventChannel;
import dev.godwit.transport.Availability;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How connections come about, and what the connection manager tells of them. */
@Tag("softroce")
final class ConnectionTest {
  private static final String IPV6 = "fd00::15";

  private static byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    new Random(count).nextBytes(bytes);
    return bytes;
  }

  @Test
  void privateDataReachesBothSides() throws IOException {
    byte[] asked = bytes(13);
    byte[] answered = bytes(ConnectionParameters.REPLY_BYTES);
    try (Pair pair = Pair.connect(Pair.address(), asked, answered)) {
      assertThat(pair.request.privateData()).startsWith(asked);
      assertThat(pair.established.privateData()).isEqualTo(answered);
      assertThat(pair.request.getStatus()).isZero();
      assertThat(pair.request).hasToString("RDMA_CM_EVENT_CONNECT_REQUEST, status 0");
      assertThat(pair.request.getListenIdPriv()).isSameAs(pair.listener);
      assertThat(pair.request.parameters().getRnr_retry_count()).isEqualTo((byte) 7);
    }
  }

  @Test
  void aRequestCarriesAllThatItMay() throws IOException {
    byte[] asked = bytes(ConnectionParameters.REQUEST_BYTES);
    try (Pair pair = Pair.connect(Pair.address(), asked, new byte[0])) {
      assertThat(pair.request.privateData()).isEqualTo(asked);
    }
  }

  @Test
  void bothFamiliesOfAddressesConnect() throws IOException {
    try (Pair pair = Pair.connect(IPV6, new byte[0], new byte[0])) {
      InetSocketAddress there = (InetSocketAddress) pair.client.id.getDestination();
      assertThat(there.getAddress()).isEqualTo(InetAddress.getByName(IPV6));
      assertThat(there.getPort()).isEqualTo(Pair.addressOf(pair.listener).getPort());
      assertThat(((InetSocketAddress) pair.server.id.getSource()).getAddress())
          .isInstanceOf(Inet6Address.class);
      pair.client.prepare(Side.write(1, List.of(), 0, 0)).execute();
      pair.client.complete(1);
    }
  }

  /** An id that has all but a connection, and its channel. */
  private interface Caller {
    void call(Verbs verbs, RdmaCmId listener, Side client) throws IOException;
  }

  private static void withCaller(Caller caller) throws IOException {
    Verbs verbs = Verbs.install();
    RdmaEventChannel listening = RdmaEventChannel.createEventChannel();
    RdmaCmId listener = Pair.listen(listening, Pair.address());
    RdmaEventChannel calling = RdmaEventChannel.createEventChannel();
    try (Side client =
        new Side(verbs, calling, Pair.resolve(verbs, calling, Pair.addressOf(listener)))) {
      caller.call(verbs, listener, client);
    } finally {
      listener.destroyId();
      calling.destroyEventChannel();
      listening.destroyEventChannel();
    }
  }

  @Test
  void aRefusalCarriesItsReason() throws IOException {
    withCaller(
        (verbs, listener, client) -> {
          client.id.connect(ConnectionParameters.of(new byte[0]));
          CmEvent request =
              Side.expect(verbs, listener.getCmChannel(), EventType.RDMA_CM_EVENT_CONNECT_REQUEST);
          byte[] reason = "Not today".getBytes(StandardCharsets.US_ASCII);
          verbs.reject(request.getConnIdPriv(), reason);
          request.getConnIdPriv().destroyId();

          CmEvent rejected = client.expect(EventType.RDMA_CM_EVENT_REJECTED);

          assertThat(rejected.getStatus()).isEqualTo(28);
          assertThat(rejected.privateData()).startsWith(reason);
        });
  }

  @Test
  void whereNobodyListensTheConnectionIsRejected() throws IOException {
    withCaller(
        (verbs, listener, client) -> {
          listener.destroyId();
          client.id.connect(ConnectionParameters.of(new byte[0]));

          assertThat(client.expect(EventType.RDMA_CM_EVENT_REJECTED).getStatus()).isEqualTo(8);
        });
  }

  @Test
  void optionsAreTakenBeforeConnecting() throws IOException {
    withCaller(
        (verbs, listener, client) -> {
          verbs.acknowledgementTimeout(client.id, 14);
          verbs.reuseAddress(client.id);
          assertThatThrownBy(() -> verbs.acknowledgementTimeout(client.id, 32))
              .isInstanceOf(IllegalArgumentException.class);
        });
  }

  @Test
  void parametersOfTheCallerReachTheListener() throws IOException {
    withCaller(
        (verbs, listener, client) -> {
          client.id.connect(ConnectionParameters.of(bytes(3)).withRetries(5, 3).withDepths(2, 4));
          CmEvent request =
              Side.expect(verbs, listener.getCmChannel(), EventType.RDMA_CM_EVENT_CONNECT_REQUEST);
          request.getConnIdPriv().destroyId();

          assertThat(request.parameters().getRetry_count()).isEqualTo((byte) 5);
          assertThat(request.parameters().getRnr_retry_count()).isEqualTo((byte) 3);
          assertThat(request.parameters().getResponder_resources()).isEqualTo((byte) 4);
          assertThat(request.parameters().getInitiator_depth()).isEqualTo((byte) 2);
          client.expect(EventType.RDMA_CM_EVENT_REJECTED);
        });
  }

  @Test
  void thePrivateDataOfARequestHasALimit() throws IOException {
    withCaller(
        (verbs, listener, client) ->
            assertThatThrownBy(
                    () ->
                        client.id.connect(
                            ConnectionParameters.of(bytes(ConnectionParameters.REQUEST_BYTES + 1))))
                .isInstanceOfSatisfying(
                    ChannelException.Native.class,
                    failure -> {
                      assertThat(failure.call()).isEqualTo("rdma_connect");
                      assertThat(failure.errno()).isEqualTo(Libc.EINVAL);
                    })
                .hasMessage("Cannot connect: Invalid argument"));
  }

  @Test
  void waitingForAnEventEndsAtTheDeadline() throws IOException {
    Verbs verbs = Verbs.install();
    RdmaEventChannel channel = RdmaEventChannel.createEventChannel();

    Optional<CmEvent> none = verbs.event(channel, Deadline.after(Duration.ofMillis(120)));

    assertThat(none).isEmpty();
    assertThat(channel.getCmEvent(0)).isNull();
    channel.destroyEventChannel();
  }

  /** librdmacm looks into the device of an id for these, and there is none. */
  @Test
  void anIdWithoutADeviceIsRefusedWhatNeedsOne() throws IOException {
    RdmaEventChannel channel = RdmaEventChannel.createEventChannel();
    RdmaCmId id = channel.createId(RdmaCm.RDMA_PS_TCP);
    ConnectionParameters none = ConnectionParameters.of(new byte[0]);
    Verbs verbs = Verbs.install();

    assertWithoutDevice(() -> id.connect(none), "rdma_connect");
    assertWithoutDevice(() -> id.accept(none), "rdma_accept");
    assertWithoutDevice(() -> id.resolveRoute(100), "rdma_resolve_route");
    assertWithoutDevice(id::disconnect, "rdma_disconnect");
    assertWithoutDevice(() -> verbs.reject(id, new byte[0]), "rdma_reject");
    assertThat(id.getVerbs()).isNull();
    assertThat(id.destroyQP()).isZero();
    assertThat(id.getSource()).isNull();
    assertThat(verbs.port(id)).isZero();
    id.destroyId();
    channel.destroyEventChannel();
  }

  private static void assertWithoutDevice(ThrowingCallable call, String name) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            ChannelException.Native.class, failure -> assertThat(failure.call()).isEqualTo(name))
        .hasMessage("The id is bound to no device: No such device");
  }

  @Test
  void onlyReliableConnectedQueuePairsAreMade() throws IOException {
    try (Pair pair = Pair.connect()) {
      RdmaCmId other = Pair.resolve(pair.verbs, pair.client.events, Pair.addressOf(pair.listener));
      IbvQPInitAttr attributes = new IbvQPInitAttr();
      attributes.setSend_cq(pair.client.queue);
      attributes.setRecv_cq(pair.client.queue);
      attributes.setQp_type((byte) 4);
      assertThatThrownBy(() -> other.createQP(pair.client.domain, attributes))
          .isInstanceOf(IllegalArgumentException.class);
      attributes.setQp_type(IbvQP.IBV_QPT_RC);
      attributes.setSrq(4096);
      assertThatThrownBy(() -> other.createQP(pair.client.domain, attributes))
          .isInstanceOf(IllegalArgumentException.class);
      attributes.setSrq(0);
      attributes.cap().setMax_send_wr(-1);
      assertThatThrownBy(() -> other.createQP(pair.client.domain, attributes))
          .isInstanceOf(IllegalArgumentException.class);
      attributes.cap().setMax_send_wr(Integer.MAX_VALUE);
      assertThatThrownBy(() -> other.createQP(pair.client.domain, attributes))
          .isInstanceOf(ChannelException.Native.class);
      assertThatThrownBy(() -> pair.client.id.createQP(pair.client.domain, attributes))
          .hasMessageStartingWith("The id has a queue pair already");
      other.destroyId();
    }
  }

  @Test
  void privateDataIsNotReadFromAnAddress() throws IOException {
    withCaller(
        (verbs, listener, client) -> {
          RdmaConnParam parameters = new RdmaConnParam();
          parameters.setPrivate_data(4096);
          parameters.setPrivate_data_len((byte) 8);

          assertThatThrownBy(() -> client.id.connect(parameters))
              .isInstanceOf(IllegalArgumentException.class);
        });
  }

  @Test
  void theDeviceTellsItsLimitsAndPorts() throws IOException {
    try (Pair pair = Pair.connect()) {
      Device device = pair.verbs.device(pair.client.id.getVerbs());

      assertThat(device.name()).isEqualTo("rxe0");
      assertThat(pair.verbs.deviceName(pair.client.id.getVerbs())).isEqualTo("rxe0");
      assertThat(pair.verbs.devices()).containsExactly(device);
      assertThat(device.maxWorkRequests()).isGreaterThan(1000);
      assertThat(device.maxSge()).isGreaterThanOrEqualTo(16);
      assertThat(device.maxCompletions()).isGreaterThan(1000);
      assertThat(device.maxRegionBytes()).isNotZero();
      assertThat(device.maxRegions()).isPositive();
      assertThat(device.maxQueuePairs()).isPositive();
      assertThat(device.ports()).hasSize(1);
      Port port = device.ports().getFirst();
      assertThat(port.isActive()).isTrue();
      assertThat(port.stateName()).isEqualTo("active");
      assertThat(port.activeMtuBytes()).isEqualTo(4096);
      assertThat(port.maxMessageBytes()).isEqualTo(8 << 20);
      assertThat(port.linkLayer()).isEqualTo(Port.LinkLayer.ETHERNET);
      assertThat(port.gids())
          .contains(InetAddress.getByName(Pair.address()), InetAddress.getByName(IPV6));
      assertThat(pair.verbs.port(pair.client.id)).isEqualTo(port.number());
      assertThat(Verbs.availability()).isEqualTo(Availability.available());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"10.0.2.215/32", "fd00::1:15/128"})
  void anAddressThatTheInterfaceGetsIsToldToAllWhoAsked(String address)
      throws IOException, InterruptedException {
    try (Pair pair = Pair.connect();
        AsyncEvents first = pair.verbs.asyncEvents(pair.client.id.getVerbs());
        AsyncEvents second = pair.verbs.asyncEvents(pair.client.id.getVerbs());
        Wait wait = Wait.open()) {
      wait.add(first);
      ip("addr", "add", address, "dev", "eth0");
      try {
        Deadline deadline = Side.soon();
        Optional<AsyncEvent> event = first.next();
        while (event.isEmpty()) {
          assertThat(wait.await(deadline)).isTrue();
          event = first.next();
        }
        AsyncEvent change = new AsyncEvent(AsyncEvent.GID_CHANGE, 1, 0);
        assertThat(event).contains(change);
        assertThat(second.next()).contains(change);
      } finally {
        ip("addr", "del", address, "dev", "eth0");
      }
    }
  }

  private static void ip(String... arguments) throws IOException, InterruptedException {
    String[] command = new String[arguments.length + 1];
    command[0] = "ip";
    System.arraycopy(arguments, 0, command, 1, arguments.length);
    Process process = new ProcessBuilder(command).inheritIO().start();
    assertThat(process.waitFor()).as(Arrays.toString(command)).isZero();
  }
}
