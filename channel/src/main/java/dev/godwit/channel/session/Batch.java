package dev.godwit.channel.session;

import dev.godwit.channel.session.wire.FrameHeader;
import dev.godwit.channel.session.wire.FrameType;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Frames that one writer sends in one call. Filled under the session's lock, sent without it. */
final class Batch {
  private static final int MOST_FRAMES = 32;

  /** So many bytes keep a call's cost small, and a later frame does not wait long behind them. */
  private static final int MUCH_BYTES = 512 * 1024;

  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  private final FrameHeader header = new FrameHeader();
  private final ByteBuffer heads = ByteBuffer.allocateDirect(MOST_FRAMES * FrameHeader.BYTES);
  private final List<ByteBuffer> parts = new ArrayList<>();
  private final List<Chunk> chunks = new ArrayList<>();
  private int frames;
  private int bytes;

  void clear() {
    heads.clear();
    parts.clear();
    chunks.clear();
    frames = 0;
    bytes = 0;
  }

  boolean isEmpty() {
    return frames == 0;
  }

  /** Whether there is no room for another frame, or it would have to wait for many bytes. */
  boolean isFull() {
    return frames == MOST_FRAMES || bytes >= MUCH_BYTES;
  }

  /** How many bytes of chunks are in it. */
  int chunkBytes() {
    return bytes;
  }

  void add(FrameType type, int stream, long position, long value) {
    add(type, stream, position, value, NOTHING);
  }

  /** A frame whose payload is this batch's from now on. */
  void add(FrameType type, int stream, long position, long value, ByteBuffer payload) {
    head(type, stream, payload.remaining(), position, value, header.crcOf(payload, NOTHING));
    if (payload.hasRemaining()) {
      parts.add(payload);
    }
    frames++;
  }

  /** A chunk, whose checksum is computed when the batch is sent. */
  void add(Chunk chunk) {
    chunks.add(chunk);
    frames++;
    bytes += chunk.length;
  }

  /** Sends everything. */
  void send(Channel channel) throws ChannelException {
    for (Chunk chunk : chunks) {
      Outgoing.Pieces pieces = chunk.stream.out.pieces(chunk);
      if (!chunk.hasCrc) {
        chunk.crc = header.crcOf(pieces.first(), pieces.second());
        chunk.hasCrc = true;
      }
      head(FrameType.CHUNK, chunk.stream.id, chunk.length, chunk.position, 0, chunk.crc);
      parts.add(pieces.first());
      if (pieces.second().hasRemaining()) {
        parts.add(pieces.second());
      }
    }
    channel.write(parts.toArray(ByteBuffer[]::new));
    channel.flush();
  }

  private void head(
      FrameType type, int stream, int length, long position, long value, int payloadCrc) {
    int at = heads.position();
    header.encode(heads, type, stream, length, position, value, payloadCrc);
    parts.add(heads.slice(at, FrameHeader.BYTES));
  }
}
