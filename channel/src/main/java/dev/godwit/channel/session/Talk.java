package dev.godwit.channel.session;

import dev.godwit.channel.session.wire.TalkMessage;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.Monitor;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * What the two ends say on stream 0. What this side says waits in a queue for room in the stream,
 * so that saying it never blocks whoever breaks a stream off.
 */
final class Talk {
  /** More that nobody has heard is a fault of the peer's. */
  private static final int MOST_NOTES = 64;

  private final Stream stream;
  private final Traffic traffic;
  private final Monitor lock;
  private final Deque<ByteBuffer> unsaid = new ArrayDeque<>();
  private final Deque<Note> notes = new ArrayDeque<>();

  Talk(Stream stream, Traffic traffic) {
    this.stream = stream;
    this.traffic = traffic;
    this.lock = traffic.lock;
  }

  /** Says it once there is room; under the lock, never blocks. */
  void say(TalkMessage message) {
    unsaid.addLast(message.encode());
    pump();
  }

  /** Moves into the stream what there is room for; under the lock. */
  void pump() {
    ByteBuffer next = unsaid.peekFirst();
    while (next != null && stream.out.room() > 0) {
      int bytes = Math.min(next.remaining(), stream.out.room());
      stream.out.store(next.slice(next.position(), bytes), bytes);
      next.position(next.position() + bytes);
      stream.out.wrote(bytes);
      traffic.ready(stream, bytes);
      if (!next.hasRemaining()) {
        unsaid.removeFirst();
        next = unsaid.peekFirst();
      }
    }
  }

  /** Whether the peer has all that was said; under the lock. */
  boolean isAllHeld() {
    return unsaid.isEmpty() && stream.out.isAllHeld();
  }

  /** Listens to the peer until the session is over; on a thread of its own. */
  void listen(Session session) {
    try {
      ByteBuffer head = ByteBuffer.allocate(TalkMessage.HEADER_BYTES);
      while (true) {
        fill(head.clear());
        TalkMessage.Head next = TalkMessage.head(head.flip());
        byte[] body = new byte[next.bodyBytes()];
        fill(ByteBuffer.wrap(body));
        session.said(TalkMessage.of(next, body));
      }
    } catch (ChannelException e) {
      session.fail(e);
    }
  }

  private void fill(ByteBuffer dst) throws ChannelException {
    while (dst.hasRemaining()) {
      if (stream.read(dst) < 0) {
        throw new ChannelException.Violated("The peer ended what is said between the two ends");
      }
    }
  }

  /** The peer's user said something; under the lock. */
  void noted(Note note) throws ChannelException {
    if (notes.size() == MOST_NOTES) {
      throw new ChannelException.Violated(
          "The peer says more than " + MOST_NOTES + " things that nobody listens to");
    }
    notes.addLast(note);
    lock.signalAll();
  }

  /** The peer's next note, or null where none has come by the deadline; under the lock. */
  @Nullable Note awaitNote(Deadline deadline) throws ChannelException {
    while (notes.isEmpty()) {
      traffic.requireAlive();
      if (!lock.await(deadline)) {
        return null;
      }
    }
    return notes.removeFirst();
  }
}
