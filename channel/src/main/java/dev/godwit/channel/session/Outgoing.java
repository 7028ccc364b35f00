package dev.godwit.channel.session;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.support.Monitor;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * What this side sends on one stream: a ring that keeps each byte until the peer has it.
 *
 * <pre>
 *   taken &lt;= held &lt;= cut &lt;= written &lt;= taken + window
 * </pre>
 *
 * Everything is under the session's lock, but for {@link #store} and {@link #pieces}.
 */
final class Outgoing {
  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  final Monitor writable;
  private final int window;
  private final LongFunction<MemorySegment> memory;
  private final Deque<Chunk> unacknowledged = new ArrayDeque<>();
  private volatile @Nullable MemorySegment ring;
  private volatile ByteBuffer view = NOTHING;
  private long taken;
  private long held;
  private long cut;
  private long written;
  private boolean ended;

  /**
   * @param window in bytes, what both sides can take
   * @param memory gives what the ring is made of, when it is first needed
   */
  Outgoing(Monitor lock, int window, LongFunction<MemorySegment> memory) {
    this.writable = lock.sibling();
    this.window = window;
    this.memory = memory;
  }

  /** How many bytes may be written now. */
  int room() {
    return (int) (window - (written - taken));
  }

  long written() {
    return written;
  }

  long held() {
    return held;
  }

  /** Bytes that were written and that the peer has not. */
  long onTheWay() {
    return written - held;
  }

  boolean hasUncut() {
    return cut < written;
  }

  long uncut() {
    return written - cut;
  }

  boolean isAllHeld() {
    return held == written;
  }

  void end() {
    ended = true;
  }

  boolean hasEnded() {
    return ended;
  }

  /**
   * Copies bytes behind those written, of which there is {@link #room}; by the one thread that
   * writes, without the lock.
   */
  void store(ByteBuffer src, int bytes) {
    MemorySegment to = ring;
    if (to == null) {
      to = memory.apply(window);
      view = to.asByteBuffer();
      ring = to;
    }
    MemorySegment from = MemorySegment.ofBuffer(src);
    int at = (int) (written % window);
    int first = Math.min(bytes, window - at);
    MemorySegment.copy(from, 0, to, at, first);
    MemorySegment.copy(from, first, to, 0, bytes - first);
    src.position(src.position() + bytes);
  }

  /** What was stored may be sent. */
  void wrote(int bytes) {
    written += bytes;
  }

  /** The next bytes that were never sent, as a chunk; there are some. */
  Chunk cut(Stream stream, int most) {
    Chunk chunk = new Chunk(stream, cut, (int) Math.min(most, written - cut));
    cut += chunk.length;
    unacknowledged.addLast(chunk);
    return chunk;
  }

  /**
   * Where the bytes of a chunk are, in one piece or two; without the lock. Once it is acknowledged
   * the bytes may be others, which harms nobody: the peer has it.
   *
   * @param second the rest that stands at the ring's beginning, or nothing
   */
  record Pieces(ByteBuffer first, ByteBuffer second) {}

  Pieces pieces(Chunk chunk) {
    int at = (int) (chunk.position % window);
    int first = Math.min(chunk.length, window - at);
    return new Pieces(
        view.slice(at, first),
        first == chunk.length ? NOTHING : view.slice(0, chunk.length - first));
  }

  /** Whether the peer has all of {@code chunk}. */
  boolean isHeld(Chunk chunk) {
    return chunk.end() <= held;
  }

  /**
   * The peer says what it has; older news changes nothing.
   *
   * @throws ChannelException.Violated if it says that it has what was never sent
   */
  void acknowledged(long nowHeld, long nowTaken) throws ChannelException {
    if (nowHeld > cut) {
      throw new ChannelException.Violated(
          "The peer says that it has "
              + nowHeld
              + " bytes of a stream of which "
              + cut
              + " were sent");
    }
    if (nowTaken > nowHeld) {
      throw new ChannelException.Violated(
          "The peer says that it handed on " + nowTaken + " bytes of the " + nowHeld + " it has");
    }
    held = Math.max(held, nowHeld);
    while (!unacknowledged.isEmpty() && unacknowledged.getFirst().end() <= held) {
      unacknowledged.removeFirst();
    }
    if (nowTaken > taken) {
      taken = nowTaken;
      writable.signalAll();
    }
  }

  /** The chunk that begins and ends there, if the peer has not said that it has it. */
  @Nullable Chunk find(long position, long length) throws ChannelException {
    if (position > cut || length > cut - position) {
      throw new ChannelException.Violated("The peer asks again for what was never sent");
    }
    for (Chunk chunk : unacknowledged) {
      if (chunk.position == position && chunk.length == length) {
        return chunk;
      }
    }
    return null;
  }

  /** The chunks on their way, oldest first. */
  Iterator<Chunk> unacknowledged() {
    return unacknowledged.iterator();
  }
}
