package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.ibm.disni.verbs.IbvCQ;
import com.ibm.disni.verbs.IbvCompChannel;
import com.ibm.disni.verbs.IbvPd;
import com.ibm.disni.verbs.IbvQP;
import com.ibm.disni.verbs.IbvQPInitAttr;
import com.ibm.disni.verbs.RdmaCm;
import com.ibm.disni.verbs.RdmaCmEvent.EventType;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaEventChannel;
import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.HostPort;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.rdma.verbs.CmEvent;
import dev.godwit.transport.rdma.verbs.ConnectionParameters;
import dev.godwit.transport.rdma.verbs.Verbs;
import dev.godwit.transport.rdma.wire.Greeting;
import dev.godwit.transport.rdma.wire.Refusal;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How connections of {@code rdma:} come about, and what they leave behind, on a device. */
@Tag("softroce")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class RdmaConnectionTest {
  private final RdmaTransport transport = new RdmaTransport();
  private final Endpoint anywhere = Endpoint.parse("rdma:" + RdmaFixture.ADDRESS + ":0");

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  /** A connection by hand, of somebody who is no Godwit. */
  private static final class Stranger implements AutoCloseable {
    private final Verbs verbs;
    private final RdmaEventChannel events;
    private final RdmaCmId id;
    private final IbvPd domain;
    private final IbvCompChannel completions;
    private final IbvCQ queue;

    /** Takes an id that is bound to a device, with the event channel that tells of it. */
    Stranger(Verbs verbs, RdmaEventChannel events, RdmaCmId id) throws IOException {
      this.verbs = verbs;
      this.events = events;
      this.id = id;
      domain = id.getVerbs().allocPd();
      completions = id.getVerbs().createCompChannel();
      queue = id.getVerbs().createCQ(completions, 16, 0);
      IbvQPInitAttr attributes = new IbvQPInitAttr();
      attributes.setQp_type(IbvQP.IBV_QPT_RC);
      attributes.setSend_cq(queue);
      attributes.setRecv_cq(queue);
      attributes.cap().setMax_send_wr(4);
      attributes.cap().setMax_recv_wr(4);
      attributes.cap().setMax_send_sge(1);
      attributes.cap().setMax_recv_sge(1);
      id.createQP(domain, attributes);
    }

    static Stranger calling(Endpoint target) throws IOException {
      Verbs verbs = Verbs.install();
      RdmaEventChannel events = RdmaEventChannel.createEventChannel();
      RdmaCmId id = events.createId(RdmaCm.RDMA_PS_TCP);
      HostPort to = HostPort.of(target);
      id.resolveAddr(null, new InetSocketAddress(to.host(), to.port()), 10_000);
      expect(verbs, events, EventType.RDMA_CM_EVENT_ADDR_RESOLVED);
      id.resolveRoute(10_000);
      expect(verbs, events, EventType.RDMA_CM_EVENT_ROUTE_RESOLVED);
      return new Stranger(verbs, events, id);
    }

    static CmEvent expect(Verbs verbs, RdmaEventChannel events, EventType type) throws IOException {
      CmEvent event = verbs.event(events, soon()).orElseThrow();
      assertThat(event.is(type)).as("%s instead of %s", event, type).isTrue();
      return event;
    }

    CmEvent expect(EventType type) throws IOException {
      return expect(verbs, events, type);
    }

    @Override
    public void close() throws Exception {
      id.destroyQP();
      queue.destroyCQ();
      completions.destroyCompChannel();
      domain.deallocPd();
      id.destroyId();
      events.destroyEventChannel();
    }
  }

  private static void assertWorks(Listener listener, Dialer dialer) throws Exception {
    Task<Channel> accepting = Task.start("accept", () -> listener.accept(soon()));
    try (Channel out = dialer.dial(soon());
        Channel in = accepting.result()) {
      Io.send(out, new byte[] {7});
      assertThat(Io.receive(in, 1)).containsExactly(7);
    }
  }

  @Test
  void whoIsNeitherGodwitNorQemuIsRefusedWithASentenceAndTheListenerGoesOn() throws Exception {
    Random random = Seed.of("whoIsNeitherGodwitNorQemuIsRefused").random();
    byte[] garbage = new byte[56];
    random.nextBytes(garbage);
    byte[] later = new Greeting(0, UUID.randomUUID(), 32, 4096, 0, 1 << 20).encode();
    later[17] = 99;
    byte[] senseless = new Greeting(0, UUID.randomUUID(), 1, 4096, 0, 1 << 20).encode();
    byte[] laterQemus = {0, 0, 0, 2, 0, 0, 0, 1};
    byte[][] requests = {laterQemus, new byte[0], garbage, later, senseless};
    String[] answers = {
      "version 2 of QEMU's RDMA protocol",
      "version 0 of QEMU's RDMA protocol",
      "of QEMU's RDMA protocol, and there is only version 1",
      "99",
      "no sense"
    };
    try (Listener listener = transport.listen(anywhere);
        Dialer dialer = transport.dialer(listener.local())) {
      Task<Channel> accepting = Task.start("accept", () -> listener.accept(soon()));
      for (int i = 0; i < requests.length; i++) {
        try (Stranger stranger = Stranger.calling(listener.local())) {
          stranger.id.connect(ConnectionParameters.of(requests[i]));
          CmEvent rejected = stranger.expect(EventType.RDMA_CM_EVENT_REJECTED);
          assertThat(rejected.getStatus()).isEqualTo(28);
          assertThat(Refusal.decode(rejected.privateData())).contains(answers[i]);
        }
      }
      try (Channel out = dialer.dial(soon());
          Channel in = accepting.result()) {
        Io.send(out, new byte[] {7});
        assertThat(Io.receive(in, 1)).containsExactly(7);
      }
    }
  }

  @Test
  void aListenerThatIsNeitherGodwitNorQemuIsToldFromThem() throws Exception {
    Verbs verbs = Verbs.install();
    RdmaEventChannel events = RdmaEventChannel.createEventChannel();
    RdmaCmId id = events.createId(RdmaCm.RDMA_PS_TCP);
    id.bindAddr(new InetSocketAddress(RdmaFixture.ADDRESS, 0));
    id.listen(4);
    int port = ((InetSocketAddress) id.getSource()).getPort();
    try (Dialer dialer =
        transport.dialer(anywhere.at(new HostPort(RdmaFixture.ADDRESS, port).toString()))) {
      for (byte[] reply :
          new byte[][] {{0, 0, 0, 2, 0, 0, 0, 0}, "nonsense".getBytes(StandardCharsets.US_ASCII)}) {
        Task<Channel> dialling = Task.start("dial", () -> dialer.dial(soon()));
        CmEvent request = Stranger.expect(verbs, events, EventType.RDMA_CM_EVENT_CONNECT_REQUEST);
        assertThat(Greeting.decode(request.privateData()).slots()).isEqualTo(32);
        RdmaEventChannel own = RdmaEventChannel.createEventChannel();
        verbs.migrate(request.getConnIdPriv(), own);
        try (Stranger stranger = new Stranger(verbs, own, request.getConnIdPriv())) {
          stranger.id.accept(ConnectionParameters.of(reply));
          assertThat(dialling.failure())
              .isInstanceOf(ChannelException.Refused.class)
              .hasMessageContaining("neither a Godwit nor a QEMU");
        }
      }
    } finally {
      id.destroyId();
      events.destroyEventChannel();
    }
  }

  @Test
  void anAddressWithoutADeviceIsRefusedInASentence() throws Exception {
    assertThatThrownBy(() -> transport.listen(Endpoint.parse("rdma:127.0.0.1:0")).close())
        .isInstanceOf(ChannelException.Refused.class)
        .hasMessageContaining("No RDMA device");
    assertThatThrownBy(() -> transport.listen(Endpoint.parse("rdma:192.0.2.1:0")).close())
        .isInstanceOf(ChannelException.Refused.class);
    try (Dialer dialer = transport.dialer(Endpoint.parse("rdma:192.0.2.1:4444"))) {
      Deadline deadline = Deadline.after(Duration.ofSeconds(5));
      assertThatThrownBy(() -> dialer.dial(deadline).close())
          .isInstanceOfAny(ChannelException.Refused.class, ChannelException.TimedOut.class);
    }
  }

  @Test
  void everyAddressIsListenedAtWithoutAHost() throws Exception {
    try (Listener listener = transport.listen(Endpoint.parse("rdma::0"))) {
      int port = HostPort.of(listener.local()).port();
      try (Dialer dialer = transport.dialer(anywhere.at(RdmaFixture.ADDRESS + ":" + port))) {
        assertWorks(listener, dialer);
      }
    }
  }

  @Test
  void ipv6Works() throws Exception {
    try (Listener listener = transport.listen(Endpoint.parse("rdma:[fd00::15]:0"));
        Dialer dialer = transport.dialer(listener.local())) {
      assertWorks(listener, dialer);
    }
  }

  @Test
  void theChannelsOfASessionShareOnePeerAndDomain() throws Exception {
    try (Listener listener = transport.listen(anywhere);
        Dialer dialer = transport.dialer(listener.local());
        Dialer other = transport.dialer(listener.local())) {
      Task<Channel> one = Task.start("accept", () -> listener.accept(soon()));
      Channel out1 = dialer.dial(soon());
      Channel in1 = one.result();
      int domains = resources("pd");
      Task<Channel> two = Task.start("accept", () -> listener.accept(soon()));
      Channel out2 = dialer.dial(soon());
      Channel in2 = two.result();
      assertThat(in2.info().peer()).isSameAs(in1.info().peer());
      assertThat(resources("pd")).isEqualTo(domains);
      Task<Channel> three = Task.start("accept", () -> listener.accept(soon()));
      Channel out3 = other.dial(soon());
      Channel in3 = three.result();
      assertThat(in3.info().peer()).isNotSameAs(in1.info().peer());
      for (Channel channel : new Channel[] {out1, out2, out3, in1, in2, in3}) {
        channel.close();
      }
    }
  }

  /** What the kernel counts, for all processes of the VM. */
  private static int resources(String kind) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder("rdma", "resource", "show").redirectErrorStream(true).start();
    String all = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    String[] words = all.trim().split("\\s+");
    for (int i = 0; i + 1 < words.length; i++) {
      if (words[i].equals(kind)) {
        return Integer.parseInt(words[i + 1]);
      }
    }
    throw new AssertionError("No " + kind + " in " + all);
  }

  @Test
  void nothingIsLeftInTheKernel() throws Exception {
    int[] before = counts();
    try (Listener listener = transport.listen(anywhere)) {
      for (int i = 0; i < 6; i++) {
        boolean orderly = i % 2 == 0;
        try (Dialer dialer = transport.dialer(listener.local());
            Arena arena = Arena.ofShared()) {
          MemorySegment memory = arena.allocate(1 << 20);
          Task<Channel> accepting = Task.start("accept", () -> listener.accept(soon()));
          Channel out = dialer.dial(soon());
          Channel in = accepting.result();
          Region src = dialer.peer().register("ram", memory, Access.LOCAL);
          Region dst = in.info().peer().register("ram", memory, Access.REMOTE_WRITE);
          RemoteRegion there = dialer.peer().remote("ram", soon());
          out.put(src, 0, there, 1000, 500);
          out.flush();
          in.get(dst, 1000, 500);
          if (!orderly) {
            out.put(src, 0, there, 5000, 500);
            in.abort(new IllegalStateException("The test wants it so"));
          }
          in.close();
          if (!orderly) {
            out.abort(new IllegalStateException("The test wants it so"));
          }
          out.close();
          src.close();
          dst.close();
        }
      }
    }
    assertThat(counts()).isEqualTo(before);
  }

  private static int[] counts() throws Exception {
    String[] kinds = {"pd", "cq", "qp", "cm_id", "mr"};
    int[] counts = new int[kinds.length];
    for (int i = 0; i < kinds.length; i++) {
      counts[i] = resources(kinds[i]);
    }
    return counts;
  }

  @Test
  void aPeerThatVanishesIsLost() throws Exception {
    try (Listener listener = transport.listen(anywhere);
        Stranger stranger = Stranger.calling(listener.local())) {
      Task<Channel> accepting = Task.start("accept", () -> listener.accept(soon()));
      stranger.id.connect(
          ConnectionParameters.of(
              new Greeting(0, UUID.randomUUID(), 4, 4096, 0, 1 << 20).encode()));
      stranger.expect(EventType.RDMA_CM_EVENT_ESTABLISHED);
      try (Channel in = accepting.result()) {
        Task<Integer> reading = Task.start("read", () -> in.read(ByteBuffer.allocate(1)));
        reading.awaitBlocked();
        stranger.id.disconnect();
        assertThat(reading.failure()).isInstanceOf(ChannelException.Lost.class);
      }
    }
  }

  @Test
  void aPeerThatPostsNoReceivesIsLostInTime() throws Exception {
    try (Listener listener = transport.listen(Endpoint.parse(anywhere + "?liveness=300ms"));
        Stranger stranger = Stranger.calling(listener.local())) {
      Task<Channel> accepting = Task.start("accept", () -> listener.accept(soon()));
      stranger.id.connect(
          ConnectionParameters.of(
              new Greeting(0, UUID.randomUUID(), 4, 4096, 0, 1 << 20).encode()));
      stranger.expect(EventType.RDMA_CM_EVENT_ESTABLISHED);
      try (Channel in = accepting.result()) {
        in.write(ByteBuffer.allocate(10));
        in.flush();
        assertThatThrownBy(() -> in.read(ByteBuffer.allocate(1)))
            .isInstanceOf(ChannelException.Lost.class)
            .hasMessageContaining("acknowledged nothing");
        in.abort(new IllegalStateException("The test is over"));
      }
    }
  }
}
