package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
import dev.godwit.transport.rdma.verbs.CmEvent;
import dev.godwit.transport.rdma.verbs.ConnectionParameters;
import dev.godwit.transport.rdma.verbs.Verbs;
import dev.godwit.transport.rdma.wire.Greeting;
import dev.godwit.transport.rdma.wire.Refusal;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Handshakes on a device that do not come to their end, on either side: refused in bounded time,
 * with nothing left, and the next one works.
 */
@Tag("softroce")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 150, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class VerbsHandshakeTest {
  private static final Endpoint ANYWHERE = Endpoint.parse("rdma:" + RdmaFixture.ADDRESS + ":0");

  private Listener listener;
  private DeviceCounts counts;

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  @BeforeAll
  void listen(@TempDir Path scratch) throws Exception {
    listener = new RdmaTransport().listen(ANYWHERE);
    serve();
    counts = DeviceCounts.baseline(scratch);
  }

  /** Whatever went before, a good peer is served. */
  @AfterEach
  void serve() throws Exception {
    GoodPeer.isServedBy(listener);
  }

  @AfterAll
  void end() throws Exception {
    counts.awaitNone();
    listener.close();
  }

  private static byte[] greeting() {
    return new Greeting(0, UUID.randomUUID(), 4, 4096, 0, 8 << 20).encode();
  }

  // The other side connects.

  @Test
  void garbageInARequestIsRejected() throws Exception {
    Seed seed = Seed.of("garbageInARequestIsRejected");
    Random random = seed.random();
    Task<Channel> accepting = Task.start("accept", () -> listener.accept(soon()));
    for (int i = 0; i < 8; i++) {
      byte[] request = i % 2 == 0 ? new byte[random.nextInt(57)] : greeting();
      if (i % 2 == 0) {
        random.nextBytes(request);
      } else {
        // A Godwit's, but for one of the things that it promises.
        int[] at = {17, 36, 40, 48};
        request[at[i / 2]] = (byte) 0x80;
      }
      try (RawVerbsPeer raw = RawVerbsPeer.calling(listener.local())) {
        raw.connect(request);
        CmEvent rejected = raw.expect(EventType.RDMA_CM_EVENT_REJECTED);
        assertThat(Refusal.decode(rejected.privateData())).as("%s", seed).isNotEmpty();
      }
    }
    GoodPeer.isServedBy(listener, accepting);
  }

  /** Its own side's events are what would confirm the connection, and it does not look at them. */
  @Test
  void whoNeverConfirmsIsDroppedAndHoldsUpNobody() throws Exception {
    Task<Channel> accepting = Task.start("accept", () -> listener.accept(soon()));
    try (RawVerbsPeer raw = RawVerbsPeer.calling(listener.local())) {
      raw.connect(greeting());
      GoodPeer.isServedBy(listener, accepting);
      Task<Channel> another = Task.start("accept", () -> listener.accept(soon()));
      long start = System.nanoTime();
      DeviceCounts.awaitQueuePairs(1);
      assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(60));
      GoodPeer.isServedBy(listener, another);
    }
  }

  @Test
  void whoGoesInTheMiddleHoldsUpNobody() throws Exception {
    Task<Channel> accepting = Task.start("accept", () -> listener.accept(soon()));
    for (int i = 0; i < 3; i++) {
      try (RawVerbsPeer raw = RawVerbsPeer.calling(listener.local())) {
        raw.connect(greeting());
      }
    }
    GoodPeer.isServedBy(listener, accepting);
  }

  /** It connects and then there is nothing to hear of it: that alone is no failure. */
  @Test
  void whoSaysNothingIsWaitedFor() throws Exception {
    try (Listener impatient =
        new RdmaTransport().listen(Endpoint.parse(ANYWHERE + "?liveness=300ms"))) {
      Task<Channel> accepting = Task.start("accept", () -> impatient.accept(soon()));
      try (RawVerbsPeer raw = RawVerbsPeer.connected(impatient.local(), 4);
          Channel in = accepting.result()) {
        Task<Integer> reading = Task.start("read", () -> in.read(ByteBuffer.allocate(1)));
        Deadline silence = Deadline.after(Duration.ofSeconds(3));
        Await.until("it is silent", silence::hasPassed);
        assertThat(reading.isDone()).isFalse();
        in.abort(new IllegalStateException("The test is over"));
        assertThat(reading.failure()).isInstanceOf(ChannelException.Aborted.class);
      }
    }
  }

  // The other side listens.

  /** A listener by hand. */
  private static final class Stranger implements AutoCloseable {
    final Verbs verbs = Verbs.install();
    final RdmaEventChannel events = RdmaEventChannel.createEventChannel();
    final RdmaCmId id = events.createId(RdmaCm.RDMA_PS_TCP);
    final Dialer dialer;

    Stranger() throws IOException {
      id.bindAddr(new InetSocketAddress(RdmaFixture.ADDRESS, 0));
      id.listen(4);
      int port = ((InetSocketAddress) id.getSource()).getPort();
      dialer =
          new RdmaTransport()
              .dialer(ANYWHERE.at(new HostPort(RdmaFixture.ADDRESS, port).toString()));
    }

    RdmaCmId request() throws IOException {
      return RawVerbsPeer.expect(verbs, events, EventType.RDMA_CM_EVENT_CONNECT_REQUEST)
          .getConnIdPriv();
    }

    /** What a dialler meets that is answered so. */
    Throwable accepting(byte[] reply) throws IOException {
      Task<Channel> dialling = Task.start("dial", () -> dialer.dial(soon()));
      RdmaCmId request = request();
      RdmaEventChannel own = RdmaEventChannel.createEventChannel();
      verbs.migrate(request, own);
      try (RawVerbsPeer raw = new RawVerbsPeer(verbs, own, request)) {
        raw.id.accept(ConnectionParameters.of(reply));
        return dialling.failure();
      }
    }

    Throwable rejecting(byte[] reason) throws IOException {
      Task<Channel> dialling = Task.start("dial", () -> dialer.dial(soon()));
      RdmaCmId request = request();
      verbs.reject(request, reason);
      request.destroyId();
      return dialling.failure();
    }

    @Override
    public void close() throws IOException {
      dialer.close();
      id.destroyId();
      events.destroyEventChannel();
    }
  }

  @Test
  void anAnswerOfNeitherAGodwitNorAQemuIsRefused() throws Exception {
    Seed seed = Seed.of("anAnswerOfNeitherAGodwitNorAQemuIsRefused");
    byte[] garbage = new byte[56];
    seed.random().nextBytes(garbage);
    byte[][] answers = {new byte[0], {0, 0, 0, 2, 0, 0, 0, 1}, garbage};
    try (Stranger stranger = new Stranger()) {
      for (byte[] answer : answers) {
        assertThat(stranger.accepting(answer))
            .as("%s", seed)
            .isInstanceOf(ChannelException.Refused.class)
            .hasMessageContaining("neither a Godwit nor a QEMU");
      }
    }
  }

  @Test
  void anAnswerThatMakesNoSenseIsAViolation() throws Exception {
    byte[] version = greeting();
    version[17] = 99;
    byte[] slots = greeting();
    slots[36] = (byte) 0x80;
    byte[] slotBytes = greeting();
    slotBytes[40] = (byte) 0x80;
    try (Stranger stranger = new Stranger()) {
      assertThat(stranger.accepting(version))
          .isInstanceOf(ChannelException.Unsupported.class)
          .hasMessageContaining("speaks version 99");
      for (byte[] senseless : new byte[][] {slots, slotBytes}) {
        assertThat(stranger.accepting(senseless))
            .isInstanceOf(ChannelException.Violated.class)
            .hasMessageContaining("makes no sense");
      }
      assertThat(stranger.accepting(greeting()))
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageContaining("another session");
    }
  }

  @Test
  void aRejectionIsRefusedWithWhatItSays() throws Exception {
    byte[] garbage = {(byte) 0xff, 0x1b, 7, (byte) 0xc0, 1};
    try (Stranger stranger = new Stranger()) {
      assertThat(stranger.rejecting("Not today\u001b[2J".getBytes(StandardCharsets.UTF_8)))
          .isInstanceOf(ChannelException.Refused.class)
          .hasMessageEndingWith("refuses the connection: Not today?[2J");
      for (byte[] reason : new byte[][] {garbage, new byte[0], new byte[148]}) {
        assertThat(stranger.rejecting(reason))
            .isInstanceOf(ChannelException.Refused.class)
            .hasMessageContaining("refuses the connection (");
      }
    }
  }

  @Test
  void whoDoesNotAnswerIsNotWaitedForLongerThanTheDeadline() throws Exception {
    try (Stranger stranger = new Stranger()) {
      Deadline deadline = Deadline.after(Duration.ofSeconds(2));
      assertThatThrownBy(() -> stranger.dialer.dial(deadline).close())
          .isInstanceOf(ChannelException.TimedOut.class)
          .hasMessageContaining("did not answer in time");
      stranger.request().destroyId();
    }
  }

  /** A program of the distribution that speaks a language of its own. */
  @Test
  void anotherProgramsListenerIsRefused() throws Exception {
    Process rping =
        new ProcessBuilder("rping", "-s", "-a", RdmaFixture.ADDRESS, "-p", "7999")
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    try (Dialer dialer = new RdmaTransport().dialer(ANYWHERE.at(RdmaFixture.ADDRESS + ":7999"))) {
      Await.until(
          "rping listens and is refused",
          () -> {
            try (Channel channel = dialer.dial(soon())) {
              throw new AssertionError("It was taken for one of us: " + channel);
            } catch (ChannelException.Refused refused) {
              return refused.getMessage().contains("neither a Godwit");
            }
          });
    } finally {
      rping.destroyForcibly();
      assertThat(rping.waitFor(60, TimeUnit.SECONDS)).isTrue();
    }
  }
}
