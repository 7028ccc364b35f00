package dev.godwit.channel.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Two ends of a session within this process, over links that tests break. */
final class SessionTest {
  private static final int MANY_BYTES = 24 * 1024 * 1024;

  private final Transports transports = Transports.load();
  private final Endpoint address = Endpoint.parse("mem:" + UUID.randomUUID());
  private final Links links = new Links(() -> transports.dialer(address));
  private final List<Session> begun = new ArrayList<>();
  private final Random random = new Random(7);
  private SessionListener listener = listening(Admission.all());

  private SessionListener listening(Admission admission) {
    try {
      return new SessionListener(
          List.of(transports.listen(address)), SessionOptions.standard(), admission);
    } catch (ChannelException e) {
      throw new AssertionError(e);
    }
  }

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  private Session dial(SessionOptions options, int rails) {
    Session session =
        Session.dialling(
            IntStream.range(0, rails).mapToObj(i -> links.rail(address)).toList(), options);
    begun.add(session);
    return session;
  }

  private Session accept() throws ChannelException {
    Session session = listener.accept(soon());
    begun.add(session);
    return session;
  }

  @AfterEach
  void everythingEnds() throws ChannelException {
    for (Session session : begun) {
      session.abort(new ChannelException.Aborted("The test is over", null));
    }
    for (Session session : begun) {
      assertThat(session.awaitEnd(soon())).as("%s has ended", session).isTrue();
    }
    listener.close();
  }

  @Test
  void whatIsWrittenArrivesBothWaysAndEndsInOrder() throws Exception {
    Session here = dial(SessionOptions.standard().named("vm1"), 1);
    try (Channel out = here.dial(soon())) {
      Session there = accept();
      assertThat(there.name()).isEqualTo("vm1");
      try (Channel in = there.accept(soon())) {
        byte[] bytes = Io.bytes(random, 300_000);
        Io.send(out, bytes);
        assertThat(Io.receive(in, bytes.length)).isEqualTo(bytes);
        Io.send(in, bytes);
        assertThat(Io.receive(out, bytes.length)).isEqualTo(bytes);
        out.shutdownOutput();
        assertThat(in.read(ByteBuffer.allocate(1))).isEqualTo(-1);
        in.shutdownOutput();
        assertThat(out.read(ByteBuffer.allocate(1))).isEqualTo(-1);
      }
      there.close();
    }
    here.close();
    assertThat(here.awaitEnd(soon())).isTrue();
    assertThat(here.failure()).isEmpty();
    assertThat(begun.getLast().awaitEnd(soon())).isTrue();
    assertThat(begun.getLast().failure()).isEmpty();
  }

  /** Sends much while {@code trouble} is made, and compares. */
  private SessionStats moved(Session here, Runnable trouble) throws Exception {
    try (Channel out = here.dial(soon())) {
      Session there = accept();
      try (Channel in = there.accept(soon())) {
        byte[] bytes = Io.bytes(random, MANY_BYTES);
        Task<byte[]> received = Task.start("reader", () -> Io.receive(in, bytes.length));
        for (int at = 0; at < bytes.length; at += MANY_BYTES / 8) {
          out.write(ByteBuffer.wrap(bytes, at, MANY_BYTES / 8));
          trouble.run();
        }
        assertThat(received.result()).isEqualTo(bytes);
      }
      return here.stats();
    }
  }

  @Test
  void aLinkThatBreaksIsMadeAgainAndNothingIsLost() throws Exception {
    Session here = dial(SessionOptions.standard(), 1);
    SessionStats stats = moved(here, links::cut);
    assertThat(stats.outages()).isPositive();
    assertThat(stats.bytesSent()).isGreaterThanOrEqualTo(MANY_BYTES);
    assertThat(stats.bytesSentAgain())
        .isLessThanOrEqualTo((long) stats.outages() * stats.windowBytes());
  }

  @Test
  void railsShareTheWorkAndOneMayBreak() throws Exception {
    Session here = dial(SessionOptions.standard(), 2);
    SessionStats stats = moved(here, () -> {});
    assertThat(stats.rails()).hasSize(2);
    assertThat(stats.outages()).isZero();
  }

  @Test
  void whatIsDamagedIsSentAgain() throws Exception {
    links.flipEvery(3_000_017);
    Session here = dial(SessionOptions.standard(), 1);
    SessionStats stats = moved(here, () -> {});
    assertThat(stats.bytesSentAgain()).isPositive();
    assertThat(begun.getLast().stats().damagedChunks()).isPositive();
  }

  @Test
  void whoGivesUpTellsTheOtherSide() throws Exception {
    Session here = dial(SessionOptions.standard(), 1);
    here.connect(soon());
    Session there = accept();
    here.abort(new ChannelException.Aborted("The operator does not want it", null));
    assertThat(there.awaitEnd(soon())).isTrue();
    assertThat(there.failure().orElseThrow())
        .isInstanceOf(ChannelException.Lost.class)
        .hasMessageContaining("The operator does not want it");
  }

  @Test
  void aChannelThatIsBrokenOffBreaksAtThePeerAndTheSessionGoesOn() throws Exception {
    Session here = dial(SessionOptions.standard(), 1);
    try (Channel first = here.dial(soon());
        Channel second = here.dial(soon())) {
      Session there = accept();
      try (Channel broken = there.accept(soon());
          Channel whole = there.accept(soon())) {
        first.abort(new ChannelException.Aborted("QEMU is gone", null));
        assertThatThrownBy(() -> broken.read(ByteBuffer.allocate(1)))
            .isInstanceOf(ChannelException.Lost.class)
            .hasMessageContaining("QEMU is gone");
        Io.send(second, new byte[] {1, 2, 3});
        assertThat(Io.receive(whole, 3)).containsExactly(1, 2, 3);
      }
    }
  }

  @Test
  void notesArriveInOrderAlsoBehindALoss() throws Exception {
    Session here = dial(SessionOptions.standard(), 1);
    here.connect(soon());
    Session there = accept();
    here.tell(new Note(1, new byte[] {1}));
    links.cut();
    here.tell(new Note(2, new byte[] {2}));
    assertThat(there.hear(soon()).body()).containsExactly(1);
    assertThat(there.hear(soon()).body()).containsExactly(2);
    here.prove(soon());
  }

  @Test
  void aNetworkThatStaysAwayFailsTheSession() throws Exception {
    Session here = dial(SessionOptions.standard().resumingWithin(Duration.ofMillis(300)), 1);
    try (Channel out = here.dial(soon())) {
      accept();
      listener.close();
      links.cut();
      assertThatThrownBy(() -> out.read(ByteBuffer.allocate(1)))
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining("The network was away for 0.3 s");
    }
  }

  @Test
  void aNameThatIsNotServedIsRefused() throws Exception {
    listener.close();
    listener = listening(name -> Optional.of("There is no guest " + name + " here"));
    Session here = dial(SessionOptions.standard().named("vm9"), 1);
    assertThatThrownBy(() -> here.connect(soon()))
        .isInstanceOf(ChannelException.Refused.class)
        .hasMessageContaining("There is no guest vm9 here");
  }

  @Test
  void aQemuThatSpeaksIsNoGodwit() throws Exception {
    try (Dialer dialer = transports.dialer(address);
        Channel qemu = dialer.dial(soon())) {
      Io.send(qemu, new byte[] {'Q', 'E', 'V', 'M', 0, 0, 0, 3});
      assertThatThrownBy(() -> qemu.read(ByteBuffer.allocate(1)))
          .isInstanceOf(ChannelException.class);
    }
  }
}
