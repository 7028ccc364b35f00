package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import com.ibm.disni.verbs.RdmaCm;
import com.ibm.disni.verbs.RdmaCmEvent.EventType;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaEventChannel;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.HostPort;
import dev.godwit.transport.Listener;
import dev.godwit.transport.rdma.qemu.Command;
import dev.godwit.transport.rdma.qemu.QemuGreeting;
import dev.godwit.transport.rdma.verbs.CmEvent;
import dev.godwit.transport.rdma.verbs.ConnectionParameters;
import dev.godwit.transport.rdma.verbs.Verbs;
import dev.godwit.transport.rdma.wire.Refusal;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * QEMUs by hand on a device: served by the listener that serves Godwits, with a return path and
 * without, and borne when they say what no QEMU says; nothing is left of any.
 */
@Tag("softroce")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 280, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class VerbsQemuPeerTest {
  /** Messages, to each of the two sides. */
  private static final int DAMAGED = Boolean.getBoolean("godwit.full") ? 400 : 150;

  private static final Endpoint ANYWHERE =
      Endpoint.parse("rdma:" + RdmaFixture.ADDRESS + ":0?liveness=2s");

  private Listener listener;
  private Listener bothWays;
  private DeviceCounts counts;

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  @BeforeAll
  void listen(@TempDir Path scratch) throws Exception {
    listener = new RdmaTransport().listen(ANYWHERE);
    bothWays = new RdmaTransport().listen(Endpoint.parse(ANYWHERE + "&return-path=on"));
    serve();
    counts = DeviceCounts.baseline(scratch);
  }

  /** Whatever went before, a Godwit is served. */
  @AfterEach
  void serve() throws Exception {
    GoodPeer.isServedBy(listener);
    GoodPeer.isServedBy(bothWays);
  }

  @AfterAll
  void end() throws Exception {
    counts.awaitNone();
    listener.close();
    bothWays.close();
  }

  private static Task<Channel> accepting(Listener listener) {
    return Task.start("accept", () -> listener.accept(soon()));
  }

  /** A byte of the stream arrives, as the source of a migration sends it. */
  private static void assertServed(RawVerbsPeer raw, Channel in) throws Exception {
    raw.qemu.receive(Command.Ready.class);
    raw.qemu.send(RawQemuWire.file(new byte[] {9}));
    assertThat(Io.receive(in, 1)).containsExactly(9);
  }

  // Who is served.

  @Test
  void oneListenerServesQemusAndGodwitsInAnyOrder() throws Exception {
    for (int i = 0; i < 2; i++) {
      Task<Channel> accepting = accepting(listener);
      try (RawVerbsPeer raw = RawVerbsPeer.connectedAsQemu(listener.local(), false);
          Channel in = accepting.result()) {
        assertThat(in.info().capabilities()).isEqualTo(RdmaTransport.QEMU);
        GoodPeer.isServedBy(listener);
        assertServed(raw, in);
      }
    }
  }

  @Test
  void aReturnPathIsASecondConnectionAndGodwitsComeBetween() throws Exception {
    Task<Channel> accepting = accepting(bothWays);
    try (RawVerbsPeer main = RawVerbsPeer.connectedAsQemu(bothWays.local(), false)) {
      GoodPeer.isServedBy(bothWays, accepting);
      Task<Channel> accepted = accepting(bothWays);
      try (RawVerbsPeer back = RawVerbsPeer.connectedAsQemu(bothWays.local(), false);
          Channel in = accepted.result()) {
        assertThat(in.info().capabilities()).isEqualTo(RdmaTransport.QEMU_BOTH_WAYS);
        assertServed(main, in);
        back.qemu.send(new Command.Ready());
        Io.send(in, new byte[] {4, 5});
        assertThat(back.qemu.receive()).isEqualTo(RawQemuWire.file(new byte[] {4, 5}));
      }
    }
  }

  @Test
  void aReturnPathThatDoesNotComeHoldsUpNobodyForLong() throws Exception {
    Task<Channel> accepting = accepting(bothWays);
    try (RawVerbsPeer main = RawVerbsPeer.connectedAsQemu(bothWays.local(), false)) {
      Await.until(
          "it is dropped", () -> main.qemu.await(main.qemu::isGone, Deadline.after(Duration.ZERO)));
      GoodPeer.isServedBy(bothWays, accepting);
    }
  }

  /** A third connection is the first of another migration, and disturbs nobody. */
  @Test
  void aReturnPathThatComesTwiceIsAnotherMigration() throws Exception {
    Task<Channel> accepting = accepting(bothWays);
    try (RawVerbsPeer main = RawVerbsPeer.connectedAsQemu(bothWays.local(), false);
        RawVerbsPeer back = RawVerbsPeer.connectedAsQemu(bothWays.local(), false);
        Channel in = accepting.result()) {
      Task<Channel> another = accepting(bothWays);
      try (RawVerbsPeer third = RawVerbsPeer.connectedAsQemu(bothWays.local(), false)) {
        assertServed(main, in);
        back.qemu.send(new Command.Ready());
        Io.send(in, new byte[] {6});
        assertThat(back.qemu.receive()).isEqualTo(RawQemuWire.file(new byte[] {6}));
        try (RawVerbsPeer itsBack = RawVerbsPeer.connectedAsQemu(bothWays.local(), false);
            Channel last = another.result()) {
          assertServed(third, last);
          assertThat(itsBack.qemu.isGone()).isFalse();
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0000000100000000, 0000000100000000",
    "0000000100000001, 0000000100000001",
    "0000000180000001, 0000000100000001",
    "000000017ffffffe, 0000000100000000"
  })
  void flagsThatNobodyKnowsAreNotGranted(String asked, String granted) throws Exception {
    HexFormat hex = HexFormat.of();
    Task<Channel> accepting = accepting(listener);
    try (RawVerbsPeer raw = RawVerbsPeer.calling(listener.local())) {
      raw.connect(hex.parseHex(asked));
      CmEvent established = raw.expect(EventType.RDMA_CM_EVENT_ESTABLISHED);
      assertThat(hex.formatHex(established.privateData())).startsWith(granted);
      try (Channel in = accepting.result()) {
        assertServed(raw, in);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "2, 2", "-16777216, 4278190080"})
  void anotherVersionIsRefused(int version, String named) throws Exception {
    Task<Channel> accepting = accepting(listener);
    try (RawVerbsPeer raw = RawVerbsPeer.calling(listener.local())) {
      byte[] request = ByteBuffer.allocate(QemuGreeting.BYTES).putInt(version).array();
      raw.connect(request);
      CmEvent rejected = raw.expect(EventType.RDMA_CM_EVENT_REJECTED);
      assertThat(Refusal.decode(rejected.privateData()))
          .isEqualTo(
              "The peer speaks version "
                  + named
                  + " of QEMU's RDMA protocol, and there is only version 1");
    }
    GoodPeer.isServedBy(listener, accepting);
  }

  // Whom we dial.

  /** A QEMU that listens, by hand. */
  private static final class Destination implements AutoCloseable {
    final Verbs verbs = Verbs.install();
    final RdmaEventChannel events = RdmaEventChannel.createEventChannel();
    final RdmaCmId id = events.createId(RdmaCm.RDMA_PS_TCP);
    final Endpoint here;

    Destination() throws IOException {
      id.bindAddr(new InetSocketAddress(RdmaFixture.ADDRESS, 0));
      id.listen(4);
      int port = ((InetSocketAddress) id.getSource()).getPort();
      here = ANYWHERE.at(new HostPort(RdmaFixture.ADDRESS, port).toString());
    }

    RawVerbsPeer accepted(boolean pinAll) throws IOException {
      RdmaCmId request = request();
      RdmaEventChannel own = RdmaEventChannel.createEventChannel();
      verbs.migrate(request, own);
      RawVerbsPeer raw = new RawVerbsPeer(verbs, own, request);
      raw.id.accept(ConnectionParameters.of(new QemuGreeting(pinAll).encode()));
      raw.expect(EventType.RDMA_CM_EVENT_ESTABLISHED);
      return raw;
    }

    RdmaCmId request() throws IOException {
      return RawVerbsPeer.expect(verbs, events, EventType.RDMA_CM_EVENT_CONNECT_REQUEST)
          .getConnIdPriv();
    }

    @Override
    public void close() throws IOException {
      id.destroyId();
      events.destroyEventChannel();
    }
  }

  private static Task<Channel> dialling(Dialer dialer) {
    return Task.start("dial", () -> dialer.dial(soon()));
  }

  @Test
  void aQemuThatListensIsServedOneChannel() throws Exception {
    try (Destination destination = new Destination();
        Dialer dialer = new RdmaTransport().dialer(destination.here)) {
      Task<Channel> dialling = dialling(dialer);
      try (RawVerbsPeer raw = destination.accepted(false);
          Channel out = dialling.result()) {
        assertThat(out.info().capabilities()).isEqualTo(RdmaTransport.QEMU);
        raw.qemu.send(new Command.Ready());
        Io.send(out, new byte[] {3});
        assertThat(raw.qemu.receive()).isEqualTo(RawQemuWire.file(new byte[] {3}));
        assertThat(dialling(dialer).failure())
            .isInstanceOf(ChannelException.Unsupported.class)
            .hasMessageEndingWith("is a QEMU, whose own rdma: carries one channel a migration");
        raw.disconnect();
      }
    }
  }

  /** Its messages are as long as QEMU's, and the first comes unasked. */
  @Test
  void aReturnPathIsDialledAndRead() throws Exception {
    byte[] bytes = Io.bytes(Seed.of("aReturnPathIsDialledAndRead").random(), 8000);
    try (Destination destination = new Destination();
        Dialer dialer =
            new RdmaTransport().dialer(Endpoint.parse(destination.here + "&return-path=on"))) {
      Task<Channel> dialling = dialling(dialer);
      try (RawVerbsPeer main = destination.accepted(false);
          RawVerbsPeer back = destination.accepted(false);
          Channel out = dialling.result()) {
        assertThat(out.info().capabilities()).isEqualTo(RdmaTransport.QEMU_BOTH_WAYS);
        back.qemu.send(RawQemuWire.file(bytes));
        assertThat(Io.receive(out, bytes.length)).isEqualTo(bytes);
        Task<byte[]> reading = Task.start("read", () -> Io.receive(out, bytes.length));
        back.qemu.receive(Command.Ready.class);
        back.qemu.send(RawQemuWire.file(bytes));
        assertThat(reading.result()).isEqualTo(bytes);
        main.disconnect();
        back.disconnect();
      }
    }
  }

  @Test
  void aReturnPathThatIsNotAcceptedEndsTheDial() throws Exception {
    try (Destination destination = new Destination();
        Dialer dialer =
            new RdmaTransport().dialer(Endpoint.parse(destination.here + "&return-path=on"))) {
      Task<Channel> dialling =
          Task.start("dial", () -> dialer.dial(Deadline.after(Duration.ofSeconds(5))));
      try (RawVerbsPeer main = destination.accepted(false)) {
        assertThat(dialling.failure())
            .isInstanceOf(ChannelException.Refused.class)
            .hasMessageContaining("takes no second connection");
        destination.request().destroyId();
        assertThat(main.qemu.await(main.qemu::isGone, soon())).isTrue();
      }
      Task<Channel> again = dialling(dialer);
      try (RawVerbsPeer main = destination.accepted(false)) {
        RdmaCmId second = destination.request();
        destination.verbs.reject(second, new byte[0]);
        second.destroyId();
        assertThat(again.failure()).isInstanceOf(ChannelException.Refused.class);
        assertThat(main.qemu.await(main.qemu::isGone, soon())).isTrue();
      }
    }
  }

  // Hostile ones.

  @Test
  void aDestinationBearsAnySource() throws Exception {
    Seed seed = Seed.of("aDestinationBearsAnySource");
    AtomicInteger damaged = new AtomicInteger();
    Map<String, Integer> ends = new TreeMap<>();
    try (GuardedMemory memory =
        new GuardedMemory(QemuConversation.VGA_BYTES, QemuConversation.RAM_BYTES)) {
      for (int i = 0; damaged.get() < DAMAGED; i++) {
        String what = "conversation " + i + " of seed " + seed;
        Random random = seed.random(i);
        Task<Channel> accepting = accepting(listener);
        try (RawVerbsPeer raw =
                RawVerbsPeer.connectedAsQemu(listener.local(), random.nextInt(4) == 0);
            Channel in = accepting.result()) {
          Task<Boolean> task =
              Task.start("destination", () -> QemuConversation.receive(in, memory));
          QemuConversation.say(
              raw.qemu, QemuConversation.damaged(random), random, raw.memory, damaged);
          raw.disconnect();
          ends.merge(QemuConversation.end(task, what), 1, Integer::sum);
        }
        memory.assertGuarded(what);
      }
    }
    System.out.println(damaged + " messages are damaged: " + ends);
    assertThat(ends).as("%s", seed).containsKeys(QemuConversation.UNHARMED, "Violated");
  }

  @Test
  void aSourceBearsAnyDestination() throws Exception {
    Seed seed = Seed.of("aSourceBearsAnyDestination");
    AtomicInteger damaged = new AtomicInteger();
    Map<String, Integer> ends = new TreeMap<>();
    try (GuardedMemory memory =
            new GuardedMemory(QemuConversation.VGA_BYTES, QemuConversation.RAM_BYTES);
        GuardedMemory theirs =
            new GuardedMemory(QemuConversation.VGA_BYTES, QemuConversation.RAM_BYTES);
        Destination destination = new Destination()) {
      for (int i = 0; damaged.get() < DAMAGED; i++) {
        String what = "conversation " + i + " of seed " + seed;
        Random random = seed.random(i);
        try (Dialer dialer = new RdmaTransport().dialer(destination.here)) {
          Task<Channel> dialling = dialling(dialer);
          try (RawVerbsPeer raw = destination.accepted(random.nextInt(4) == 0);
              Registration vga = raw.register(theirs.block(0));
              Registration ram = raw.register(theirs.block(1));
              Channel out = dialling.result()) {
            Task<Boolean> task = Task.start("source", () -> QemuConversation.send(out, memory));
            new QemuConversation.Answering(raw.qemu, random, List.of(vga, ram), damaged)
                .toTheEnd(task);
            raw.disconnect();
            ends.merge(QemuConversation.end(task, what), 1, Integer::sum);
          }
        }
        theirs.assertGuarded(what);
      }
    }
    System.out.println(damaged + " messages are damaged: " + ends);
    assertThat(ends).as("%s", seed).containsKeys(QemuConversation.UNHARMED, "Violated");
  }
}
