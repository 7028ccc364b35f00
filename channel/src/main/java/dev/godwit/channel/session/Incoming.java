package dev.godwit.channel.session;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.support.Monitor;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * What arrives on one stream: a ring that holds only bytes whose checksum was right.
 *
 * <pre>
 *   taken &lt;= held &lt;= what later chunks brought already &lt;= taken + window
 * </pre>
 *
 * Everything is under the session's lock, but for {@link #store} and {@link #copy}.
 */
final class Incoming {
  private static final int ACKNOWLEDGE_SHARE = 8;

  final Monitor readable;
  private final int window;
  private final LongFunction<MemorySegment> memory;

  /** Chunks beyond {@link #held} that are being stored or are there, by where they begin. */
  private final TreeMap<Long, Piece> pieces = new TreeMap<>();

  private @Nullable MemorySegment ring;
  private long held;
  private long taken;
  private long end = Long.MAX_VALUE;
  private boolean deaf;
  private long toldHeld;
  private long toldTaken;

  private static final class Piece {
    final long end;
    boolean stored;

    Piece(long end) {
      this.end = end;
    }
  }

  Incoming(Monitor lock, int window, LongFunction<MemorySegment> memory) {
    this.readable = lock.sibling();
    this.window = window;
    this.memory = memory;
  }

  long held() {
    return held;
  }

  long taken() {
    return taken;
  }

  int available() {
    return (int) (held - taken);
  }

  boolean isAtEnd() {
    return taken == end;
  }

  boolean isWhole() {
    return held == end;
  }

  /**
   * Bytes come to an end.
   *
   * @throws ChannelException.Violated if there was another end, or there are bytes behind it
   */
  void end(long position) throws ChannelException {
    long last = pieces.isEmpty() ? held : pieces.lastEntry().getValue().end;
    if (position < last || (end != Long.MAX_VALUE && end != position)) {
      throw new ChannelException.Violated(
          "A stream ends at " + position + ", of which there was more already");
    }
    end = position;
    readable.signalAll();
  }

  /** Nobody reads any more: what arrives is dropped. */
  void deafen() {
    deaf = true;
    taken = held;
  }

  /**
   * Reserves the place of a chunk that has arrived whole.
   *
   * @return false if it is there already
   * @throws ChannelException.Violated if it lies where no chunk of that length can lie
   */
  boolean claim(long position, int length) throws ChannelException {
    requireRoom(position, length);
    long until = position + length;
    if (until <= held) {
      return false;
    }
    Map.Entry<Long, Piece> before = pieces.floorEntry(position);
    if (before != null && before.getKey() == position && before.getValue().end == until) {
      return false;
    }
    Long after = pieces.ceilingKey(position);
    if (position < held
        || (before != null && before.getValue().end > position)
        || (after != null && after < until)) {
      throw new ChannelException.Violated(
          "A chunk of " + length + " bytes at " + position + " overlaps another one");
    }
    pieces.put(position, new Piece(until));
    if (ring == null && !deaf) {
      ring = memory.apply(window);
    }
    return true;
  }

  /**
   * Passes if a chunk can lie there.
   *
   * @throws ChannelException.Violated if it cannot
   */
  void requireRoom(long position, int length) throws ChannelException {
    long until = position + length;
    if (length == 0 || until < position || until > taken + window || until > end) {
      throw new ChannelException.Violated(
          "A chunk of "
              + length
              + " bytes at "
              + position
              + " is outside of what a stream may carry now, up to "
              + Math.min(taken + window, end));
    }
  }

  /** Whether that chunk is there, or being stored. */
  boolean has(long position, int length) {
    return position + length <= held || pieces.containsKey(position);
  }

  /** Copies a chunk to its place, by whoever has claimed it; without the lock. */
  void store(long position, MemorySegment src, int length) {
    MemorySegment to = ring;
    if (to == null) {
      return;
    }
    int at = (int) (position % window);
    int first = Math.min(length, window - at);
    MemorySegment.copy(src, 0, to, at, first);
    MemorySegment.copy(src, first, to, 0, length - first);
  }

  /**
   * The chunk there has been stored.
   *
   * @return how many more bytes are held in one piece now
   */
  long stored(long position) {
    Piece piece = pieces.get(position);
    if (piece == null) {
      throw new IllegalStateException("A chunk was stored that nobody claimed");
    }
    piece.stored = true;
    long before = held;
    Map.Entry<Long, Piece> first = pieces.firstEntry();
    while (first != null && first.getKey() == held && first.getValue().stored) {
      held = first.getValue().end;
      pieces.pollFirstEntry();
      first = pieces.firstEntry();
    }
    if (held > before) {
      if (deaf) {
        taken = held;
      }
      readable.signalAll();
    }
    return held - before;
  }

  /** Copies bytes that are {@link #available}; by the one thread that reads, without the lock. */
  void copy(ByteBuffer dst, int bytes) {
    MemorySegment from = ring;
    if (from == null) {
      throw new IllegalStateException("There is nothing to copy");
    }
    MemorySegment to = MemorySegment.ofBuffer(dst);
    int at = (int) (taken % window);
    int first = Math.min(bytes, window - at);
    MemorySegment.copy(from, at, to, 0, first);
    MemorySegment.copy(from, 0, to, first, bytes - first);
    dst.position(dst.position() + bytes);
  }

  /** Bytes were handed on. */
  void took(int bytes) {
    if (!deaf) {
      taken += bytes;
    }
  }

  /** Whether so much has changed that the peer should be told at once. */
  boolean owesMuch() {
    int much = window / ACKNOWLEDGE_SHARE;
    return held - toldHeld >= much || taken - toldTaken >= much;
  }

  /** Whether anything has changed since the peer was told. */
  boolean owes() {
    return held != toldHeld || taken != toldTaken;
  }

  /** The peer is being told. */
  void told() {
    toldHeld = held;
    toldTaken = taken;
  }
}
