package dev.godwit.channel.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.godwit.channel.session.RawPeer.Frame;
import dev.godwit.channel.session.wire.FrameType;
import dev.godwit.channel.session.wire.Hello;
import dev.godwit.channel.session.wire.Refusal;
import dev.godwit.channel.session.wire.StreamState;
import dev.godwit.channel.session.wire.TalkMessage;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Peers that know the protocol and do not keep to it. */
final class HostilePeerTest {
  private static final int WINDOW = RawPeer.LIMITS.windowBytes();
  private static final int CHUNK = RawPeer.LIMITS.chunkBytes();

  /** Nobody gives signs of life here; a test is over long before that matters. */
  private static final SessionOptions OPTIONS =
      SessionOptions.standard()
          .detectingWithin(Await.LIMIT.multipliedBy(2))
          .resumingWithin(Duration.ofMinutes(2));

  /** Which side is the honest one. */
  enum Honest {
    DIALLING,
    ACCEPTING
  }

  /** What the other side does wrong once everything is in order. */
  interface Telling {
    void tell(RawPeer peer) throws ChannelException;
  }

  /** A lie, and what it is answered with. */
  record Lie(
      String what, Class<? extends ChannelException> kind, String sentence, Telling telling) {
    @Override
    public String toString() {
      return what;
    }
  }

  private final Transports transports = Transports.load();
  private final Endpoint address = Endpoint.parse("mem:" + UUID.randomUUID());
  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final List<Session> begun = new ArrayList<>();

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  private <T extends AutoCloseable> T keep(T opened) {
    open.push(opened);
    return opened;
  }

  private Session begin(Session session) {
    begun.add(session);
    return session;
  }

  @AfterEach
  void everythingEnds() throws Exception {
    begun.forEach(s -> s.abort(new ChannelException.Aborted("The test is over", null)));
    for (AutoCloseable opened : open) {
      opened.close();
    }
    for (Session session : begun) {
      assertThat(session.awaitEnd(soon())).as("%s has ended", session).isTrue();
    }
  }

  private RawPeer dialRaw() throws ChannelException {
    Dialer dialer = keep(transports.dialer(address));
    return keep(new RawPeer(dialer.dial(soon())));
  }

  private SessionListener listening() throws ChannelException {
    return keep(new SessionListener(List.of(transports.listen(address)), OPTIONS, Admission.all()));
  }

  private Session dialling() {
    return begin(
        Session.dialling(List.of(new Rail(address, () -> transports.dialer(address))), OPTIONS));
  }

  /** An honest side and its peer, linked; neither has a stream yet. */
  private record Linked(Session session, RawPeer peer) {}

  private Linked linked(Honest honest, StreamState... state) throws Exception {
    if (honest == Honest.ACCEPTING) {
      SessionListener listener = listening();
      RawPeer peer = dialRaw();
      peer.dial(SessionId.random(), true, 0);
      peer.state(state);
      return new Linked(begin(listener.accept(soon())), peer);
    }
    Listener listener = keep(transports.listen(address));
    Session session = dialling();
    RawPeer peer = keep(new RawPeer(listener.accept(soon())));
    peer.accept();
    peer.state(state);
    return new Linked(session, peer);
  }

  /** Linked, each side with a stream of its own: the honest one has sent 100 bytes, the other 5. */
  private record Met(Session session, RawPeer peer, Channel sent, Channel came) {}

  private Met met(Honest honest) throws Exception {
    Linked linked = linked(honest);
    Session session = linked.session;
    RawPeer peer = linked.peer;
    session.connect(soon());
    Channel sent = session.dial(soon());
    Io.send(sent, new byte[100]);
    peer.awaitBytes(peer.theirs(1), 100);
    peer.say(new TalkMessage.Open(peer.own(1)));
    peer.send(FrameType.CHUNK, peer.own(1), 0, 0, hello());
    Channel came = session.accept(soon());
    assertThat(Io.receive(came, 5)).isEqualTo(hello());
    return new Met(session, peer, sent, came);
  }

  private static byte[] hello() {
    return "hello".getBytes(StandardCharsets.UTF_8);
  }

  // Behind the handshake.

  private static Lie violated(String what, String sentence, Telling telling) {
    return new Lie(what, ChannelException.Violated.class, sentence, telling);
  }

  private static Lie frame(String what, String sentence, byte[] frame) {
    return violated(what, sentence, peer -> peer.send(frame));
  }

  private static byte[] control(FrameType type, int stream, long position, long value) {
    return RawPeer.frame(type, stream, position, value);
  }

  private static Stream<Lie> acknowledgements() {
    return Stream.of(
        violated(
            "held beyond what was sent",
            "has 101 bytes of a stream of which 100 were sent",
            peer -> peer.send(FrameType.ACK, peer.theirs(1), 101, 0)),
        violated(
            "taken beyond held",
            "handed on 60 bytes of the 50 it has",
            peer -> peer.send(FrameType.ACK, peer.theirs(1), 50, 60)),
        violated(
            "bytes of a stream that is its own and not open",
            "has bytes of a stream that nobody sent",
            peer -> peer.send(FrameType.ACK, peer.own(7), 5, 0)),
        violated(
            "bytes taken of a stream that is its own and not open",
            "has bytes of a stream that nobody sent",
            peer -> peer.send(FrameType.ACK, peer.own(7), 0, 5)),
        violated(
            "a stream of the other side's that was never opened",
            "There is no stream",
            peer -> peer.send(FrameType.ACK, peer.theirs(2), 0, 0)),
        violated(
            "again for what was never sent",
            "asks again for what was never sent",
            peer -> peer.send(FrameType.AGAIN, peer.theirs(1), 50, 51)),
        violated(
            "again behind all positions",
            "asks again for what was never sent",
            peer -> peer.send(FrameType.AGAIN, peer.theirs(1), Long.MAX_VALUE - 1, Long.MAX_VALUE)),
        violated(
            "again for a stream that was never opened",
            "There is no stream",
            peer -> peer.send(FrameType.AGAIN, peer.theirs(2), 0, 1)),
        violated(
            "again for a stream of its own that is not open",
            "There is no stream",
            peer -> peer.send(FrameType.AGAIN, peer.own(2), 0, 1)),
        violated(
            "a receipt for more than was sent",
            "bytes came over a link that has carried",
            peer -> peer.send(FrameType.RECEIPT, 0, 100_000, 0)),
        violated(
            "a receipt for less than before",
            "bytes came over a link that has carried",
            peer -> {
              peer.send(FrameType.RECEIPT, 0, 50, 0);
              peer.send(FrameType.RECEIPT, 0, 49, 0);
            }),
        frame(
            "a sign of life that counts more than was sent",
            "bytes came over a link that has carried",
            control(FrameType.BEAT, 0, 100_000, 0)),
        frame(
            "the echo of a sign of life that was never given",
            "echoes a sign of life that was never given",
            control(FrameType.ECHO, 0, 0, Long.MAX_VALUE)),
        violated(
            "echoes in another order",
            "echoes a sign of life that was never given",
            peer -> {
              peer.send(FrameType.ECHO, 0, 0, 2);
              peer.send(FrameType.ECHO, 0, 0, 1);
            }));
  }

  private static Stream<Lie> chunks() {
    String outside = "is outside of what a stream may carry now";
    return Stream.of(
        violated(
            "behind the window",
            outside,
            peer -> peer.send(FrameType.CHUNK, peer.own(1), 5 + WINDOW, 0, new byte[1])),
        violated(
            "across the end of the window",
            outside,
            peer -> peer.send(FrameType.CHUNK, peer.own(1), 5 + WINDOW - 10, 0, new byte[11])),
        violated(
            "at the last of all positions",
            outside,
            peer -> peer.send(FrameType.CHUNK, peer.own(1), Long.MAX_VALUE, 0, new byte[1])),
        violated("of nothing", outside, peer -> peer.send(FrameType.CHUNK, peer.own(1), 5, 0)),
        violated(
            "over the end of one that is there",
            "overlaps another one",
            peer -> {
              peer.send(FrameType.CHUNK, peer.own(1), 100, 0, new byte[100]);
              peer.send(FrameType.CHUNK, peer.own(1), 150, 0, new byte[100]);
            }),
        violated(
            "over the beginning of one that is there",
            "overlaps another one",
            peer -> {
              peer.send(FrameType.CHUNK, peer.own(1), 100, 0, new byte[100]);
              peer.send(FrameType.CHUNK, peer.own(1), 50, 0, new byte[51]);
            }),
        violated(
            "a part of one that is there",
            "overlaps another one",
            peer -> {
              peer.send(FrameType.CHUNK, peer.own(1), 100, 0, new byte[100]);
              peer.send(FrameType.CHUNK, peer.own(1), 100, 0, new byte[50]);
            }),
        violated(
            "that begins in what was held already",
            "overlaps another one",
            peer -> peer.send(FrameType.CHUNK, peer.own(1), 3, 0, new byte[10])),
        violated(
            "on a stream of the other side's that was never opened",
            "There is no stream",
            peer -> peer.send(FrameType.CHUNK, peer.theirs(2), 0, 0, new byte[1])),
        violated(
            "on a stream far ahead",
            "There is no stream",
            peer -> peer.send(FrameType.CHUNK, peer.own(1000), 0, 0, new byte[1])),
        violated(
            "longer than agreed",
            "where at most " + CHUNK + " were agreed",
            peer -> peer.send(FrameType.CHUNK, peer.own(1), 5, 0, new byte[CHUNK + 1])),
        violated(
            "damaged, behind the window",
            outside,
            peer -> peer.send(damaged(peer.own(1), 5 + WINDOW))),
        violated(
            "damaged, on a stream that was never opened",
            "There is no stream",
            peer -> peer.send(damaged(peer.theirs(2), 0))),
        violated(
            "damaged too often",
            "chunks in a row arrived damaged",
            peer -> {
              for (int i = 0; i < 16; i++) {
                peer.send(damaged(peer.own(1), 5));
              }
            }));
  }

  private static byte[] damaged(int stream, long position) {
    byte[] frame = RawPeer.frame(FrameType.CHUNK, stream, position, 0, new byte[10]);
    frame[frame.length - 1] ^= 1;
    return frame;
  }

  private static Stream<Lie> frames() {
    byte[] beat = control(FrameType.BEAT, 0, 0, 0);
    return Stream.of(
        frame("of type 0", "There is no frame of type 0", RawPeer.typed(0, beat.clone())),
        frame("of type 13", "There is no frame of type 13", RawPeer.typed(13, beat.clone())),
        frame("of type 255", "There is no frame of type 255", RawPeer.typed(255, beat.clone())),
        frame(
            "longer than any",
            "A frame of 1048577 bytes is too long",
            RawPeer.sized((1 << 20) + 1, beat.clone())),
        frame(
            "of an absurd length",
            "A frame of 4294967295 bytes is too long",
            RawPeer.sized(-1, beat.clone())),
        frame("longer than agreed", "were agreed", RawPeer.sized(1 << 20, beat.clone())),
        frame(
            "at a negative position",
            "A frame stands at a negative position",
            control(FrameType.ACK, 0, -1, 0)),
        frame(
            "with a negative value",
            "A frame stands at a negative position",
            control(FrameType.ACK, 0, 0, -1)),
        frame(
            "an ACK with a payload",
            "ACK has no payload",
            RawPeer.frame(FrameType.ACK, 0, 0, 0, new byte[4])),
        frame(
            "a BEAT with a payload",
            "BEAT has no payload",
            RawPeer.frame(FrameType.BEAT, 0, 0, 0, new byte[4])),
        frame(
            "a second STATE", "A link says twice what there is", control(FrameType.STATE, 0, 0, 0)),
        frame("a HELLO", "HELLO came behind the handshake", control(FrameType.HELLO, 0, 0, 0)),
        frame(
            "a WELCOME", "WELCOME came behind the handshake", control(FrameType.WELCOME, 0, 0, 0)),
        frame("a PROOF", "PROOF came behind the handshake", control(FrameType.PROOF, 0, 0, 0)),
        frame(
            "a REFUSAL", "REFUSAL came behind the handshake", control(FrameType.REFUSAL, 0, 0, 1)));
  }

  private static byte[] message(int kind, int subject, int length, int... body) {
    ByteBuffer out = ByteBuffer.allocate(8 + body.length);
    out.put((byte) kind).put((byte) 0).putShort((short) subject).putInt(length);
    for (int b : body) {
      out.put((byte) b);
    }
    return out.array();
  }

  private static Stream<Lie> messages() {
    return Stream.of(
        violated(
            "of a kind that is none",
            "There is no message of kind 9",
            peer -> peer.say(message(9, 0, 0))),
        violated(
            "longer than any",
            "A message of 65537 bytes is too long",
            peer -> peer.say(message(5, 0, 65_537))),
        violated(
            "of an absurd length",
            "A message of 4294967295 bytes is too long",
            peer -> peer.say(message(5, 0, -1))),
        violated(
            "a stream that was left out",
            "The peer opened stream",
            peer -> peer.say(new TalkMessage.Open(peer.own(3)))),
        violated(
            "a stream opened twice",
            "The peer opened stream",
            peer -> peer.say(new TalkMessage.Open(peer.own(1)))),
        violated(
            "a stream opened that is the other side's",
            "The peer opened stream",
            peer -> peer.say(new TalkMessage.Open(peer.theirs(2)))),
        violated(
            "an end without a position",
            "An end of 4 bytes has no position",
            peer -> peer.say(message(2, peer.own(1), 4, 0, 0, 0, 5))),
        violated(
            "an end before what was sent",
            "A stream ends at 4, of which there was more already",
            peer -> peer.say(new TalkMessage.End(peer.own(1), 4))),
        violated(
            "a negative end",
            "A stream ends at -1, of which there was more already",
            peer -> peer.say(new TalkMessage.End(peer.own(1), -1))),
        violated(
            "two ends",
            "A stream ends at 6, of which there was more already",
            peer -> {
              peer.say(new TalkMessage.End(peer.own(1), 5));
              peer.say(new TalkMessage.End(peer.own(1), 6));
            }),
        violated(
            "an end of a stream that was never opened",
            "There is no stream",
            peer -> peer.say(new TalkMessage.End(peer.own(2), 0))),
        violated(
            "nobody listens to a stream that was never opened",
            "There is no stream",
            peer -> peer.say(new TalkMessage.Deaf(peer.theirs(2)))),
        violated(
            "a stream broken off that was never opened",
            "There is no stream",
            peer -> peer.say(new TalkMessage.Broken(peer.own(2), "why"))),
        violated(
            "the talk itself ended",
            "There is no stream 0",
            peer -> peer.say(new TalkMessage.End(0, 1000))),
        violated(
            "more notes than are heard",
            "says more than 64 things that nobody listens to",
            peer -> {
              for (int i = 0; i < 65; i++) {
                peer.say(new TalkMessage.Note(i, new byte[0]));
              }
            }));
  }

  private static Stream<Arguments> lies() {
    return Stream.of(acknowledgements(), chunks(), frames(), messages())
        .flatMap(some -> some)
        .flatMap(lie -> Arrays.stream(Honest.values()).map(honest -> Arguments.of(honest, lie)));
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("lies")
  void aLieEndsTheSessionAndIsNamed(Honest honest, Lie lie) throws Exception {
    Met met = met(honest);
    RawPeer peer = met.peer;
    lie.telling.tell(peer);
    assertThat(farewell(peer)).contains(lie.sentence);
    peer.close();
    assertFailed(met.session, lie.kind, lie.sentence);
    // What came behind a gap, or with the lie, reaches nobody.
    assertThatThrownBy(() -> met.came.read(ByteBuffer.allocate(1)))
        .isInstanceOf(lie.kind)
        .hasMessageContaining(lie.sentence);
    assertThatThrownBy(() -> met.sent.write(ByteBuffer.allocate(1)))
        .isInstanceOf(lie.kind)
        .hasMessageContaining(lie.sentence);
    assertThat(met.came.stats().bytesRead()).isEqualTo(5);
  }

  /** What the honest side says at last. */
  private static String farewell(RawPeer peer) throws ChannelException {
    while (true) {
      Frame frame = peer.next();
      if (frame.type() == FrameType.GONE) {
        return frame.text();
      }
    }
  }

  private static void assertFailed(
      Session session, Class<? extends ChannelException> kind, String sentence) {
    assertThat(session.awaitEnd(soon())).isTrue();
    assertThat(session.failure().orElseThrow()).isInstanceOf(kind).hasMessageContaining(sentence);
  }

  @ParameterizedTest
  @EnumSource
  void aChunkBehindAnEndIsRefused(Honest honest) throws Exception {
    Met met = met(honest);
    met.peer.say(new TalkMessage.End(met.peer.own(1), 5));
    assertThat(met.came.read(ByteBuffer.allocate(1))).isEqualTo(-1);
    met.peer.send(FrameType.CHUNK, met.peer.own(1), 5, 0, new byte[1]);
    assertThat(farewell(met.peer)).contains("up to 5");
    met.peer.close();
    assertFailed(met.session, ChannelException.Violated.class, "up to 5");
  }

  @ParameterizedTest
  @EnumSource
  void whatDamageIsRememberedOfIsBounded(Honest honest) throws Exception {
    Met met = met(honest);
    RawPeer peer = met.peer;
    Task<String> heard = Task.start("hear", () -> farewell(peer));
    Task<Boolean> lying =
        Task.start(
            "lie",
            () -> {
              // Each damage is of another chunk, and none comes in a row with another.
              for (int i = 0; i < 20_000; i++) {
                byte[] chunk =
                    RawPeer.frame(FrameType.CHUNK, peer.own(1), 100 + i, 0, new byte[1 + (i % 7)]);
                chunk[chunk.length - 1] ^= 1;
                peer.send(chunk);
                peer.send(FrameType.CHUNK, peer.own(1), 0, 0, hello());
              }
              return true;
            });
    assertThat(heard.result()).contains("chunks arrived damaged and did not come again");
    peer.channel().abort(new ChannelException.Aborted("It was refused", null));
    assertThat(lying.failure()).isInstanceOf(ChannelException.class);
    assertFailed(met.session, ChannelException.Violated.class, "did not come again");
  }

  @ParameterizedTest
  @EnumSource
  void aReasonIsShownAsOneLineOfText(Honest honest) throws Exception {
    Met met = met(honest);
    String wild = "because\n\u001b[31m" + "x".repeat(3000);
    met.peer.say(new TalkMessage.Broken(met.peer.own(1), wild));
    Throwable broken = catchThrowable(() -> met.came.read(ByteBuffer.allocate(1)));
    assertThat(broken).isInstanceOf(ChannelException.Lost.class);
    assertOneLine(String.valueOf(broken.getMessage()));
    met.peer.send(FrameType.GONE, 0, 0, 0, wild.getBytes(StandardCharsets.UTF_8));
    Throwable gone = catchThrowable(() -> met.sent.read(ByteBuffer.allocate(1)));
    assertThat(gone).isInstanceOf(ChannelException.Lost.class);
    assertOneLine(String.valueOf(gone.getMessage()));
  }

  private static void assertOneLine(String sentence) {
    assertThat(sentence).contains("because").hasSizeLessThan(1100);
    assertThat(sentence.chars().noneMatch(Character::isISOControl)).as(sentence).isTrue();
  }

  // The first word of a link.

  private static Stream<Arguments> firstWords() {
    return Stream.of(
            Arguments.of("A link began with BEAT", control(FrameType.BEAT, 0, 0, 0)),
            Arguments.of(
                "A link began with CHUNK", RawPeer.frame(FrameType.CHUNK, 0, 0, 0, new byte[8])),
            Arguments.of(
                "A state of 17 bytes ends in the middle of a stream",
                RawPeer.frame(FrameType.STATE, 0, 0, 0, new byte[17])),
            Arguments.of("has 100000 bytes", state(0, 100_000, 0)),
            Arguments.of("handed on 1 bytes of the 0 it has", state(0, 0, 1)),
            Arguments.of("There is no stream 999", state(999, 0, 0)),
            Arguments.of("There is no stream 1000", state(1000, 0, 0)))
        .flatMap(
            word ->
                Arrays.stream(Honest.values())
                    .map(honest -> Arguments.of(honest, word.get()[0], word.get()[1])));
  }

  private static byte[] state(int stream, long held, long taken) {
    return RawPeer.frame(
        FrameType.STATE,
        0,
        0,
        0,
        RawPeer.bytes(StreamState.encode(List.of(new StreamState(stream, held, taken)))));
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("firstWords")
  void aWrongFirstWordEndsTheSession(Honest honest, String sentence, byte[] word) throws Exception {
    Session session;
    RawPeer peer;
    if (honest == Honest.ACCEPTING) {
      SessionListener listener = listening();
      peer = dialRaw();
      peer.dial(SessionId.random(), true, 0);
      session = begin(listener.accept(soon()));
    } else {
      Listener listener = keep(transports.listen(address));
      session = dialling();
      peer = keep(new RawPeer(listener.accept(soon())));
      peer.accept();
    }
    peer.send(word);
    peer.await(FrameType.STATE);
    peer.close();
    assertFailed(session, ChannelException.Violated.class, sentence);
  }

  // What is no lie.

  @ParameterizedTest
  @EnumSource
  void nothingOfAStreamThatWasNotOpenedYetIsNoLie(Honest honest) throws Exception {
    int own = honest == Honest.ACCEPTING ? 1 : 2;
    Linked linked = linked(honest, new StreamState(own, 0, 0));
    RawPeer peer = linked.peer;
    peer.send(FrameType.ACK, peer.own(2), 0, 0);
    peer.send(FrameType.CHUNK, peer.own(1), 0, 0, hello());
    peer.say(new TalkMessage.Open(peer.own(1)));
    Channel came = linked.session.accept(soon());
    assertThat(Io.receive(came, 5)).isEqualTo(hello());
    assertThat(linked.session.failure()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void theSameChunkTwiceIsDroppedAndAcknowledged(Honest honest) throws Exception {
    Met met = met(honest);
    RawPeer peer = met.peer;
    peer.send(FrameType.CHUNK, peer.own(1), 0, 0, hello());
    Frame ack = peer.await(FrameType.ACK);
    while (ack.stream() != peer.own(1)) {
      ack = peer.await(FrameType.ACK);
    }
    assertThat(ack.position()).isEqualTo(5);
    peer.send(FrameType.CHUNK, peer.own(1), 5, 0, hello());
    assertThat(Io.receive(met.came, 5)).isEqualTo(hello());
  }

  @ParameterizedTest
  @EnumSource
  void whatIsAskedForAgainComesAgain(Honest honest) throws Exception {
    Met met = met(honest);
    RawPeer peer = met.peer;
    peer.send(FrameType.AGAIN, peer.theirs(1), 0, 100);
    Frame again = peer.await(FrameType.CHUNK);
    assertThat(again.stream()).isEqualTo(peer.theirs(1));
    assertThat(again.position()).isZero();
    assertThat(again.payload()).isEqualTo(new byte[100]);
    assertThat(met.session.stats().bytesSentAgain()).isEqualTo(100);
  }

  // Who dials.

  private static byte[] name(int bytes) {
    byte[] hello =
        RawPeer.hello(1, true, 0, SessionId.nonce(), SessionId.nonce(), "n".repeat(bytes));
    ByteBuffer.wrap(hello).putShort(32 + 56, (short) bytes);
    return RawPeer.sealed(hello);
  }

  private static byte[] hello(int at, int value) {
    byte[] hello = RawPeer.hello(1, true, 0, SessionId.nonce(), SessionId.nonce(), "");
    ByteBuffer.wrap(hello).putInt(32 + at, value);
    return RawPeer.sealed(hello);
  }

  private static byte[] short16(int at, int value) {
    byte[] hello = RawPeer.hello(1, true, 0, SessionId.nonce(), SessionId.nonce(), "");
    ByteBuffer.wrap(hello).putShort(32 + at, (short) value);
    return RawPeer.sealed(hello);
  }

  private static Stream<Arguments> hellos() {
    return Stream.of(
        Arguments.of(Refusal.VIOLATION, "A hello has a name of 256 bytes", name(256)),
        Arguments.of(Refusal.VIOLATION, "A hello has a name of 300 bytes", short16(56, 300)),
        Arguments.of(Refusal.VIOLATION, "A hello has a name of 1 bytes", short16(56, 1)),
        Arguments.of(Refusal.VIOLATION, "A hello of kind 3 is unknown", short16(2, 3)),
        Arguments.of(Refusal.VIOLATION, "A window of 0 bytes makes no sense", hello(40, 0)),
        Arguments.of(Refusal.VIOLATION, "A window of 4294967295 bytes", hello(40, -1)),
        Arguments.of(Refusal.VIOLATION, "Chunks of 4294967295 bytes", hello(44, -1)),
        Arguments.of(Refusal.VIOLATION, "takes a link for dead after 0 ms", hello(48, 0)),
        Arguments.of(
            Refusal.VIOLATION,
            "A hello of 57 bytes is too short",
            RawPeer.frame(FrameType.HELLO, 0, 0, 0, new byte[57])),
        Arguments.of(
            Refusal.VIOLATION,
            "The other end said STATE where HELLO belongs",
            control(FrameType.STATE, 0, 0, 0)),
        Arguments.of(
            Refusal.VIOLATION,
            "There is no frame of type 77",
            RawPeer.typed(77, control(FrameType.STATE, 0, 0, 0))),
        Arguments.of(
            Refusal.VIOLATION,
            "A frame of 4294967295 bytes is too long",
            RawPeer.sized(-1, control(FrameType.HELLO, 0, 0, 0))),
        Arguments.of(
            Refusal.VIOLATION,
            "A frame of 1048576 bytes came where at most 65536 were agreed",
            RawPeer.sized(1 << 20, control(FrameType.HELLO, 0, 0, 0))),
        Arguments.of(Refusal.VERSION, "There is no version 0 of sessions", short16(0, 0)),
        Arguments.of(Refusal.FULL, "A session has at most 64 rails", short16(4, 64)),
        Arguments.of(Refusal.UNKNOWN, "There is no such session here", short16(2, 2)));
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("hellos")
  void aHelloThatMakesNoSenseIsRefused(Refusal refusal, String sentence, byte[] hello)
      throws Exception {
    SessionListener listener = listening();
    RawPeer peer = dialRaw();
    peer.send(RawPeer.first(hello));
    assertRefused(peer, refusal, sentence);
    assertServes(listener);
  }

  private static void assertRefused(RawPeer peer, Refusal refusal, String sentence)
      throws ChannelException {
    Frame refused = peer.greeting(FrameType.REFUSAL);
    assertThat(refused.text()).contains(sentence);
    assertThat(Refusal.of(refused.value())).isEqualTo(refusal);
    assertEnded(peer);
  }

  /** The honest side has ended the link. */
  private static void assertEnded(RawPeer peer) {
    try {
      assertThat(peer.channel().read(ByteBuffer.allocate(1))).isEqualTo(-1);
    } catch (ChannelException lost) {
      assertThat(lost).isInstanceOf(ChannelException.Lost.class);
    }
  }

  /** The next one who dials is served: no session came of what was before. */
  private void assertServes(SessionListener listener) throws Exception {
    Session there =
        begin(
            Session.dialling(
                List.of(new Rail(address, () -> transports.dialer(address))),
                OPTIONS.named("next")));
    Session here = begin(listener.accept(soon()));
    assertThat(here.name()).isEqualTo("next");
    there.connect(soon());
    there.prove(soon());
  }

  @ParameterizedTest
  @ValueSource(strings = {"GODWIT\u0002\n", "SSH-2.0-", "GET / HT"})
  void whoIsNoGodwitIsLetGo(String first) throws Exception {
    SessionListener listener = listening();
    RawPeer peer = dialRaw();
    peer.send(first.getBytes(StandardCharsets.ISO_8859_1));
    assertEnded(peer);
    assertServes(listener);
  }

  @Test
  void aLaterVersionIsAnsweredInThisOne() throws Exception {
    listening();
    RawPeer peer = dialRaw();
    peer.send(RawPeer.first(short16(0, 7)));
    byte[] welcome = peer.greeting(FrameType.WELCOME).payload();
    assertThat(ByteBuffer.wrap(welcome).getShort()).isEqualTo((short) Hello.VERSION);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 31, 32, 33})
  void aWrongProofMakesNoSession(int bytes) throws Exception {
    SessionListener listener = listening();
    RawPeer peer = dialRaw();
    peer.send(RawPeer.first(hello(52, 1000)));
    peer.greeting(FrameType.WELCOME);
    peer.send(FrameType.PROOF, 0, 0, 0, new byte[bytes]);
    Frame refused = peer.next();
    assertThat(refused.type()).isEqualTo(FrameType.REFUSAL);
    assertThat(Refusal.of(refused.value())).isEqualTo(Refusal.PROOF);
    assertThat(refused.text()).contains("does not know the session");
    assertEnded(peer);
    assertServes(listener);
  }

  @Test
  void whoKnowsTheLocatorAloneDoesNotDisturbTheSession() throws Exception {
    SessionListener listener = listening();
    SessionId id = SessionId.random();
    RawPeer peer = dialRaw();
    peer.dial(id, true, 0);
    peer.state();
    Session session = begin(listener.accept(soon()));
    RawPeer thief = dialRaw();
    thief.send(RawPeer.first(RawPeer.hello(1, false, 0, id.locator(), SessionId.nonce(), "")));
    thief.greeting(FrameType.WELCOME);
    thief.send(FrameType.PROOF, 0, 0, 0, new byte[32]);
    assertThat(thief.next().type()).isEqualTo(FrameType.REFUSAL);
    assertEnded(thief);
    peer.say(new TalkMessage.Open(1));
    session.accept(soon());
    assertThat(session.stats().rails().getFirst().losses()).isZero();
  }

  @Test
  void whoProvesToBeAGodwitAndSaysNoMoreIsNotWaitedForForever() throws Exception {
    SessionListener listener =
        keep(
            new SessionListener(
                List.of(transports.listen(address)),
                OPTIONS.resumingWithin(Duration.ofMillis(200)),
                Admission.all()));
    RawPeer peer = dialRaw();
    peer.dial(SessionId.random(), true, 0);
    Session session = begin(listener.accept(soon()));
    peer.close();
    assertThatThrownBy(() -> session.accept(soon()))
        .isInstanceOf(ChannelException.Lost.class)
        .hasMessageContaining("The network was away for 0.2 s");
  }

  /** All at once, since each takes as long as a connection may take to prove what it is. */
  @Test
  void aHelloThatNeverEndsIsLetGo() throws Exception {
    SessionListener listener = listening();
    byte[] hello = RawPeer.first(hello(52, 1000));
    List<RawPeer> peers = new ArrayList<>();
    for (int bytes : new int[] {0, 3, 8, 20, 40, 60, hello.length - 1, hello.length}) {
      RawPeer peer = dialRaw();
      peer.send(Arrays.copyOf(hello, bytes));
      peers.add(peer);
    }
    peers.getLast().greeting(FrameType.WELCOME);
    assertServes(listener);
    for (RawPeer peer : peers) {
      Task<Boolean> ended =
          Task.start(
              "ended",
              () -> {
                assertEnded(peer);
                return true;
              });
      assertThat(ended.result()).isTrue();
    }
    assertThatThrownBy(() -> listener.accept(Deadline.after(Duration.ZERO)))
        .isInstanceOf(ChannelException.TimedOut.class);
  }

  // Who answers.

  @ParameterizedTest
  @ValueSource(ints = {0, 2, 0xFFFF})
  void aWelcomeOfAnotherVersionIsRefused(int version) throws Exception {
    Listener listener = keep(transports.listen(address));
    Session session = dialling();
    RawPeer peer = keep(new RawPeer(listener.accept(soon())));
    Hello hello = Hello.decode(ByteBuffer.wrap(peer.greeting(FrameType.HELLO).payload()));
    peer.welcome(SessionId.of(hello.id()), hello, version);
    String sentence = "The other Godwit speaks version " + version + " of sessions, this one 1";
    assertThatThrownBy(() -> session.connect(soon()))
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessage(sentence);
    assertFailed(session, ChannelException.Violated.class, sentence);
  }

  @Test
  void aWelcomeWithAWrongProofIsNotTrusted() throws Exception {
    Listener listener = keep(transports.listen(address));
    Session session = dialling();
    RawPeer peer = keep(new RawPeer(listener.accept(soon())));
    Hello hello = Hello.decode(ByteBuffer.wrap(peer.greeting(FrameType.HELLO).payload()));
    peer.welcome(SessionId.random(), hello, Hello.VERSION);
    assertThatThrownBy(() -> session.connect(soon()))
        .isInstanceOf(ChannelException.Untrusted.class)
        .hasMessageContaining("does not know the session");
  }

  @Test
  void aRefusalIsShownAsOneLineOfText() throws Exception {
    Listener listener = keep(transports.listen(address));
    Session session = dialling();
    RawPeer peer = keep(new RawPeer(listener.accept(soon())));
    peer.greeting(FrameType.HELLO);
    byte[] wild = ("because\n\u001b[31m" + "x".repeat(3000)).getBytes(StandardCharsets.UTF_8);
    peer.send(RawPeer.first(RawPeer.frame(FrameType.REFUSAL, 0, 0, 7, wild)));
    Throwable refused = catchThrowable(() -> session.connect(soon()));
    assertThat(refused).isInstanceOf(ChannelException.Refused.class);
    assertOneLine(String.valueOf(refused.getMessage()));
  }

  @Test
  void whoClosesEachTimeAtOnceIsGivenUp() throws Exception {
    Listener listener = keep(transports.listen(address));
    Session session = dialling();
    for (int i = 0; i < 3; i++) {
      RawPeer peer = new RawPeer(listener.accept(soon()));
      Io.receive(peer.channel(), RawPeer.PREFACE.length);
      peer.next();
      peer.close();
    }
    assertThat(session.awaitEnd(soon())).isTrue();
    assertThat(session.failure().orElseThrow())
        .isInstanceOfAny(ChannelException.EndedEarly.class, ChannelException.Lost.class);
  }
}
