package dev.godwit.channel.session;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.session.wire.FrameType;
import dev.godwit.channel.session.wire.StreamState;
import dev.godwit.channel.session.wire.TalkMessage;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Mutant;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Conversations with damage anywhere in their frames, with checksums that tell and that do not. */
final class MutatedFramesTest {
  private static final int MUTANTS = 10_000;

  /** What an idle machine does in this time is a fair sample. */
  private static final long BUDGET_NANOS =
      Boolean.getBoolean("godwit.full") ? Long.MAX_VALUE / 2 : 8_000_000_000L;

  private static final byte[] SENT = Io.bytes(new Random(5), 6000);

  private final Transports transports = Transports.load();
  private final Endpoint address = Endpoint.parse("mem:" + UUID.randomUUID());
  private final SessionListener listener = listening();

  private SessionListener listening() {
    try {
      return new SessionListener(
          List.of(transports.listen(address)),
          SessionOptions.standard().window(64 * 1024).detectingWithin(Duration.ofSeconds(30)),
          Admission.all());
    } catch (ChannelException e) {
      throw new AssertionError(e);
    }
  }

  @AfterEach
  void close() throws ChannelException {
    listener.close();
  }

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  /** All that a dialling side says behind its proof: each type of frame and of message. */
  private static List<byte[]> conversation() {
    List<byte[]> frames = new ArrayList<>();
    frames.add(
        RawPeer.frame(
            FrameType.STATE,
            0,
            0,
            0,
            RawPeer.bytes(
                StreamState.encode(List.of(new StreamState(0, 0, 0), new StreamState(1, 0, 0))))));
    ByteArrayOutputStream talk = new ByteArrayOutputStream();
    talk.writeBytes(RawPeer.bytes(new TalkMessage.Open(1).encode()));
    talk.writeBytes(RawPeer.bytes(new TalkMessage.Open(3).encode()));
    talk.writeBytes(RawPeer.bytes(new TalkMessage.Note(7, new byte[] {1, 2, 3}).encode()));
    talk.writeBytes(RawPeer.bytes(new TalkMessage.Broken(3, "why").encode()));
    frames.add(RawPeer.frame(FrameType.CHUNK, 0, 0, 0, talk.toByteArray()));
    int said = talk.size();
    for (int at = 0; at < SENT.length; at += 1500) {
      frames.add(RawPeer.frame(FrameType.CHUNK, 1, at, 0, Arrays.copyOfRange(SENT, at, at + 1500)));
      frames.add(RawPeer.frame(FrameType.ACK, 0, 0, 0));
      frames.add(RawPeer.frame(FrameType.BEAT, 0, 0, at));
    }
    frames.add(RawPeer.frame(FrameType.ECHO, 0, 0, 0));
    frames.add(RawPeer.frame(FrameType.RECEIPT, 0, 0, 0));
    frames.add(RawPeer.frame(FrameType.AGAIN, 0, 0, 0));
    ByteArrayOutputStream end = new ByteArrayOutputStream();
    end.writeBytes(RawPeer.bytes(new TalkMessage.Deaf(1).encode()));
    end.writeBytes(RawPeer.bytes(new TalkMessage.End(1, SENT.length).encode()));
    end.writeBytes(RawPeer.bytes(new TalkMessage.Bye().encode()));
    frames.add(RawPeer.frame(FrameType.CHUNK, 0, said, 0, end.toByteArray()));
    return frames;
  }

  private static byte[] joined(List<byte[]> frames) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    frames.forEach(all::writeBytes);
    return all.toByteArray();
  }

  /** One frame is damaged, and its checksums are right all the same. */
  private static byte[] sealedMutant(List<byte[]> frames, Random random) {
    List<byte[]> all = new ArrayList<>(frames);
    int at = random.nextInt(all.size());
    byte[] mutant =
        Mutant.of(all.get(at), random, (from, length) -> from.nextInt(Math.min(length, 64)));
    if (mutant.length >= 32) {
      if (random.nextBoolean()) {
        ByteBuffer.wrap(mutant).putInt(4, mutant.length - 32);
      }
      RawPeer.sealed(mutant);
    }
    all.set(at, mutant);
    return joined(all);
  }

  /** What became of a conversation, and what of stream 1 its reader was given. */
  @SuppressWarnings("ArrayRecordComponent") // Handed over, and compared by nobody.
  private record Outcome(boolean refused, byte[] read) {}

  private Outcome hear(byte[] said) throws Exception {
    try (Dialer dialer = transports.dialer(address)) {
      RawPeer peer = new RawPeer(dialer.dial(soon()));
      peer.dial(SessionId.random(), true, 0);
      Session session = listener.accept(soon());
      Task<byte[]> reading = Task.startVirtual("read", () -> read(session));
      try {
        peer.send(said);
        peer.channel().shutdownOutput();
      } catch (ChannelException refusedMeanwhile) {
        // What comes of it is seen below.
      }
      assertThat(Task.startVirtual("link", () -> drain(peer)).result()).isTrue();
      boolean refused = session.failure().isPresent();
      if (!refused && joinedWhole(said)) {
        reading.result();
      }
      session.abort(new ChannelException.Aborted("The test is over", null));
      byte[] read = reading.result();
      assertThat(session.awaitEnd(soon())).as("it ends").isTrue();
      peer.channel().abort(new ChannelException.Aborted("The test is over", null));
      peer.close();
      return new Outcome(refused, read);
    }
  }

  /** Returns once the other side has ended the link. */
  private static boolean drain(RawPeer peer) {
    try {
      Io.drain(peer.channel());
    } catch (ChannelException lost) {
      // That is an end as well.
    }
    return true;
  }

  private static boolean joinedWhole(byte[] said) {
    return Arrays.equals(said, joined(conversation()));
  }

  /** What stream 1 gives until it ends or breaks. */
  private static byte[] read(Session session) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    try {
      Channel channel = session.accept(soon());
      ByteBuffer buffer = ByteBuffer.allocate(1000);
      while (channel.read(buffer) >= 0) {
        all.write(buffer.array(), 0, buffer.position());
        buffer.clear();
      }
    } catch (ChannelException broken) {
      // What came until then counts.
    }
    return all.toByteArray();
  }

  @Test
  void theConversationItselfIsHeardToItsEnd() throws Exception {
    Outcome outcome = hear(joined(conversation()));
    assertThat(outcome.refused).isFalse();
    assertThat(outcome.read).isEqualTo(SENT);
  }

  @Test
  void whateverIsDamagedNothingHangsAndNothingWrongIsRead() throws Exception {
    Seed seed = Seed.of("MutatedFramesTest");
    List<byte[]> frames = conversation();
    byte[] whole = joined(frames);
    long end = System.nanoTime() + BUDGET_NANOS;
    int refused = 0;
    int done = 0;
    for (; done < MUTANTS && System.nanoTime() - end < 0; done++) {
      Random random = seed.random(done);
      boolean sealed = done % 2 == 1;
      byte[] mutant = sealed ? sealedMutant(frames, random) : Mutant.of(whole, random);
      Outcome outcome;
      try {
        outcome = hear(mutant);
      } catch (Exception | AssertionError e) {
        throw new AssertionError("seed " + seed + ", mutant " + done, e);
      }
      refused += outcome.refused ? 1 : 0;
      if (!sealed) {
        assertThat(outcome.read.length).isLessThanOrEqualTo(SENT.length);
        assertThat(outcome.read)
            .as("seed %s, mutant %d", seed, done)
            .isEqualTo(Arrays.copyOf(SENT, outcome.read.length));
      }
    }
    System.out.println("MutatedFramesTest: " + done + " mutants, " + refused + " refused");
    assertThat(refused).as("refused of %d", done).isBetween(1, done - 1);
  }
}
