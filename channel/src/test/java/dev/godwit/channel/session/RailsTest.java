package dev.godwit.channel.session;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Transports;
import dev.godwit.transport.support.ForwardingChannel;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several rails that carry one session, while some of them break, are slow, or are not there. */
final class RailsTest {
  private static final int CUTS = Boolean.getBoolean("godwit.full") ? 50 : 25;
  private static final int BLOCK_BYTES = 64 * 1024;

  /** A silent link is noticed so late at most; a busy machine takes longer. */
  private static final Duration SLACK = Duration.ofSeconds(2L * Await.SLOWNESS);

  private final Transports transports = Transports.load();
  private final Endpoint address = Endpoint.parse("mem:" + UUID.randomUUID());
  private final List<Links> links = new ArrayList<>();
  private final List<Session> begun = new ArrayList<>();
  private volatile String identity = "CN=a";
  private final SessionListener listener = listening();

  private SessionListener listening() {
    try {
      return new SessionListener(
          List.of(new Naming(transports.listen(address))),
          SessionOptions.standard(),
          Admission.all());
    } catch (ChannelException e) {
      throw new AssertionError(e);
    }
  }

  /** A listener whose peers have proven a name. */
  private final class Naming implements Listener {
    private final Listener inner;

    Naming(Listener inner) {
      this.inner = inner;
    }

    @Override
    public Endpoint local() {
      return inner.local();
    }

    @Override
    public Channel accept(Deadline deadline) throws ChannelException {
      return new Named(inner.accept(deadline), identity);
    }

    @Override
    public void abort(Throwable cause) {
      inner.abort(cause);
    }

    @Override
    public void close() throws ChannelException {
      inner.close();
    }
  }

  private static final class Named extends ForwardingChannel {
    private final String name;

    Named(Channel inner, String name) {
      super(inner);
      this.name = name;
    }

    @Override
    public ChannelInfo info() {
      return inner().info().with(new PeerIdentity.Named("x509", name));
    }
  }

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  /** Adds a rail whose dialler names these settings. */
  private void add(String settings) {
    Endpoint target = Endpoint.parse(address + settings);
    links.add(new Links(() -> transports.dialer(target)));
  }

  private Session dial(SessionOptions options) {
    Session session =
        Session.dialling(links.stream().map(rail -> rail.rail(address)).toList(), options);
    begun.add(session);
    return session;
  }

  private Session accept() throws ChannelException {
    Session session = listener.accept(soon());
    begun.add(session);
    return session;
  }

  private static void awaitRails(Session session, int rails) {
    Await.until(
        rails + " rails are linked",
        () -> session.stats().rails().stream().filter(RailStats::connected).count() == rails);
  }

  @AfterEach
  void everythingEnds() throws ChannelException {
    begun.forEach(s -> s.abort(new ChannelException.Aborted("The test is over", null)));
    for (Session session : begun) {
      assertThat(session.awaitEnd(soon())).as("%s has ended", session).isTrue();
    }
    listener.close();
  }

  /** Writes blocks that a seed makes until it is told to stop, then ends; returns how many. */
  private static Task<Integer> writing(Channel out, Seed seed, AtomicBoolean enough) {
    return Task.start(
        "write",
        () -> {
          Random random = seed.random(1);
          int blocks = 0;
          for (; !enough.get(); blocks++) {
            out.write(ByteBuffer.wrap(Io.bytes(random, BLOCK_BYTES)));
          }
          out.shutdownOutput();
          return blocks;
        });
  }

  /** Reads such blocks to the end and compares each; returns how many. */
  private static Task<Integer> reading(Channel in, Seed seed, AtomicLong soFar) {
    return Task.start(
        "read",
        () -> {
          Random random = seed.random(1);
          ByteBuffer block = ByteBuffer.allocate(BLOCK_BYTES);
          int blocks = 0;
          while (in.read(block) >= 0) {
            if (!block.hasRemaining()) {
              assertThat(block.flip()).isEqualTo(ByteBuffer.wrap(Io.bytes(random, BLOCK_BYTES)));
              block.clear();
              blocks++;
              soFar.incrementAndGet();
            }
          }
          assertThat(block.position()).isZero();
          return blocks;
        });
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void railsBreakAndComeBackWhileOthersGoOn(int rails) throws Exception {
    Seed seed = Seed.of("railsBreakAndComeBackWhileOthersGoOn");
    Random random = seed.random();
    for (int i = 0; i < rails; i++) {
      add("?throttle=32M");
    }
    Session here = dial(SessionOptions.standard());
    AtomicBoolean enough = new AtomicBoolean();
    AtomicLong soFar = new AtomicLong();
    int[] cuts = new int[rails];
    try (Channel out = here.dial(soon())) {
      Session there = accept();
      try (Channel in = there.accept(soon())) {
        awaitRails(here, rails);
        Task<Integer> writing = writing(out, seed, enough);
        Task<Integer> reading = reading(in, seed, soFar);
        for (int round = 0; round < CUTS; round++) {
          int rail = random.nextInt(rails);
          int losses = here.stats().rails().get(rail).losses();
          links.get(rail).cutAfter(random.nextInt(300_000));
          cuts[rail]++;
          Await.until(
              "rail " + rail + " is lost",
              () -> here.stats().rails().get(rail).losses() == losses + 1);
          long before = soFar.get();
          Await.until("the others go on", () -> soFar.get() > before);
          awaitRails(here, rails);
          long sent = here.stats().rails().get(rail).bytesSent();
          Await.until(
              "rail " + rail + " carries again",
              () -> here.stats().rails().get(rail).bytesSent() > sent);
        }
        enough.set(true);
        assertThat(reading.result()).isEqualTo(writing.result());
      }
    }
    SessionStats stats = here.stats();
    assertThat(stats.outages()).isZero();
    for (int rail = 0; rail < rails; rail++) {
      assertThat(stats.rails().get(rail).losses()).as("rail %d", rail).isEqualTo(cuts[rail]);
    }
    assertThat(stats.rails().stream().mapToLong(RailStats::bytesSent).sum())
        .isEqualTo(stats.bytesSent() + stats.bytesSentAgain());
  }

  @Test
  void aSlowRailCarriesItsShare() throws Exception {
    add("?throttle=32M");
    add("?throttle=8M");
    Session here = dial(SessionOptions.standard());
    try (Channel out = here.dial(soon())) {
      Session there = accept();
      try (Channel in = there.accept(soon())) {
        awaitRails(here, 2);
        byte[] bytes = Io.bytes(Seed.of("aSlowRailCarriesItsShare").random(), 40 << 20);
        Task<byte[]> reading = Task.start("read", () -> Io.receive(in, bytes.length));
        Io.send(out, bytes);
        assertThat(reading.result()).isEqualTo(bytes);
        List<RailStats> rails = here.stats().rails();
        assertThat((double) rails.get(0).bytesSent() / rails.get(1).bytesSent())
            .as("%s", rails)
            .isBetween(2.0, 8.0);
        assertThat(there.stats().rails().stream().mapToLong(RailStats::bytesReceived).sum())
            .isEqualTo(rails.stream().mapToLong(RailStats::bytesSent).sum());
      }
    }
  }

  @Test
  void aRailThatWasNeverThereIsNotMissed() throws Exception {
    add("");
    links.add(
        new Links(() -> transports.dialer(Endpoint.parse("mem:nobody-" + UUID.randomUUID()))));
    Session here = dial(SessionOptions.standard());
    try (Channel out = here.dial(soon())) {
      Session there = accept();
      try (Channel in = there.accept(soon())) {
        byte[] bytes = Io.bytes(Seed.of("aRailThatWasNeverThereIsNotMissed").random(), 8 << 20);
        Task<byte[]> reading = Task.start("read", () -> Io.receive(in, bytes.length));
        Io.send(out, bytes);
        assertThat(reading.result()).isEqualTo(bytes);
      }
    }
    RailStats dead = here.stats().rails().get(1);
    assertThat(dead.connected()).isFalse();
    assertThat(dead.bytesSent() + dead.bytesReceived() + dead.losses()).isZero();
    assertThat(here.stats().outages()).isZero();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void aBlackHoleIsNoticedInTime(int rails) throws Exception {
    Duration detect = Duration.ofMillis(400L * Await.SLOWNESS);
    for (int i = 0; i < rails; i++) {
      add("");
    }
    Session here = dial(SessionOptions.standard().detectingWithin(detect));
    List<SessionEvent> events = new CopyOnWriteArrayList<>();
    try (Channel out = here.dial(soon())) {
      Session there = accept();
      try (Channel in = there.accept(soon())) {
        awaitRails(here, rails);
        here.watch(events::add);
        Seed seed = Seed.of("aBlackHoleIsNoticedInTime");
        AtomicBoolean enough = new AtomicBoolean();
        AtomicLong soFar = new AtomicLong();
        Task<Integer> reading = reading(in, seed, soFar);
        Task<Integer> writing = writing(out, seed, enough);
        Await.until("bytes flow", () -> soFar.get() > 10);
        links.getLast().vanish();
        long start = System.nanoTime();
        int last = rails - 1;
        Await.until("it is lost", () -> here.stats().rails().get(last).losses() > 0);
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(detect.plus(SLACK));
        awaitRails(here, rails);
        long then = soFar.get();
        Await.until("bytes flow again", () -> soFar.get() > then + 10);
        enough.set(true);
        assertThat(reading.result()).isEqualTo(writing.result());
      }
    }
    assertThat(here.stats().outages()).isEqualTo(rails == 1 ? 1 : 0);
    assertThat(events.toString()).contains("Nothing came for");
  }

  @Test
  void aLinkOfSomebodyElseIsRefusedAndTheSessionGoesOn() throws Exception {
    add("");
    add("");
    Links second = links.get(1);
    Session here = dial(SessionOptions.standard());
    try (Channel out = here.dial(soon())) {
      Session there = accept();
      try (Channel in = there.accept(soon())) {
        awaitRails(there, 2);
        assertThat(there.identity()).isEqualTo(new PeerIdentity.Named("x509", "CN=a"));
        identity = "CN=b";
        second.cut();
        Await.until("it is lost", () -> there.stats().rails().get(1).losses() == 1);
        byte[] bytes = Io.bytes(Seed.of("aLinkOfSomebodyElse").random(), 4 << 20);
        Task<byte[]> reading = Task.start("read", () -> Io.receive(in, bytes.length));
        Io.send(out, bytes);
        assertThat(reading.result()).isEqualTo(bytes);
        Await.until("it was tried", () -> second.tries() >= 3);
        assertThat(there.stats().rails().get(1).connected()).isFalse();
        assertThat(here.failure()).isEmpty();
        identity = "CN=a";
        awaitRails(there, 2);
      }
    }
    assertThat(here.stats().outages()).isZero();
  }
}
