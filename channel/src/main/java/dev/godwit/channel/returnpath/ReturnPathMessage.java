package dev.godwit.channel.returnpath;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CodingErrorAction;

/**
 * What the destination tells the source, on the main channel's way back (qemu-wire.md §5.1); two of
 * the messages are Godwit's own, and only a source of its own is told them.
 *
 * <pre>
 *   0  u16  type
 *   2  u16  length of the payload, up to 512
 *   4       payload
 * </pre>
 */
public sealed interface ReturnPathMessage {
  int HEADER_BYTES = 4;

  /** QEMU refuses longer payloads. */
  int MAX_PAYLOAD_BYTES = 512;

  int type();

  /** Length of the payload in bytes, without what follows it. */
  int payloadBytes();

  /** Writes what follows the head. */
  void writePayload(StreamOutput out) throws ChannelException;

  /** Writes the whole message; whoever waits for it needs a flush. */
  default void write(StreamOutput out) throws ChannelException {
    out.u16(type());
    out.u16(payloadBytes());
    writePayload(out);
  }

  /**
   * @param maxBitmapBytes how long the largest bitmap of a RAM block can be
   */
  static ReturnPathMessage read(StreamInput in, long maxBitmapBytes)
      throws ChannelException, StreamException {
    return ReturnPathMessageReader.read(in, maxBitmapBytes);
  }

  /** The last one: u32, 0 if the destination has the whole guest. */
  record Shut(long value) implements ReturnPathMessage {
    static final int TYPE = 1;

    public boolean succeeded() {
      return value == 0;
    }

    @Override
    public int type() {
      return TYPE;
    }

    @Override
    public int payloadBytes() {
      return Integer.BYTES;
    }

    @Override
    public void writePayload(StreamOutput out) throws ChannelException {
      out.u32(value);
    }
  }

  /** Answers a PING: u32, the same value. */
  record Pong(long value) implements ReturnPathMessage {
    static final int TYPE = 2;

    @Override
    public int type() {
      return TYPE;
    }

    @Override
    public int payloadBytes() {
      return Integer.BYTES;
    }

    @Override
    public void writePayload(StreamOutput out) throws ChannelException {
      out.u32(value);
    }
  }

  /**
   * The guest waits for a page of another block than the last one: u64 start, u32 length, cstr8
   * block; in bytes.
   */
  record RequestPagesOf(String block, long start, long length) implements ReturnPathMessage {
    static final int TYPE = 3;
    static final int FIXED_BYTES = 13;

    @Override
    public int type() {
      return TYPE;
    }

    @Override
    public int payloadBytes() {
      return FIXED_BYTES + block.length();
    }

    @Override
    public void writePayload(StreamOutput out) throws ChannelException {
      out.u64(start);
      out.u32(length);
      out.name(block);
    }
  }

  /** The guest waits for a page of the same block: u64 start, u32 length; in bytes. */
  record RequestPages(long start, long length) implements ReturnPathMessage {
    static final int TYPE = 4;
    static final int BYTES = 12;

    @Override
    public int type() {
      return TYPE;
    }

    @Override
    public int payloadBytes() {
      return BYTES;
    }

    @Override
    public void writePayload(StreamOutput out) throws ChannelException {
      out.u64(start);
      out.u32(length);
    }
  }

  /**
   * Which pages of a block have arrived: cstr8 block. Behind the payload, and not counted in its
   * length, come u64 size, the bitmap, and u64 0x0123456789ABCDEF.
   */
  record RecvBitmap(String block, Bitmap bitmap) implements ReturnPathMessage {
    static final int TYPE = 5;
    static final long END_MARK = 0x0123456789ABCDEFL;

    @Override
    public int type() {
      return TYPE;
    }

    @Override
    public int payloadBytes() {
      return 1 + block.length();
    }

    @Override
    public void writePayload(StreamOutput out) throws ChannelException {
      out.name(block);
      out.u64(bitmap.lengthBytes());
      out.bytes(bitmap.bytes());
      out.u64(END_MARK);
    }
  }

  /** The destination goes on with a paused postcopy: u32 1. */
  record ResumeAck() implements ReturnPathMessage {
    static final int TYPE = 6;
    static final long VALUE = 1;

    @Override
    public int type() {
      return TYPE;
    }

    @Override
    public int payloadBytes() {
      return Integer.BYTES;
    }

    @Override
    public void writePayload(StreamOutput out) throws ChannelException {
      out.u32(VALUE);
    }
  }

  /** The destination's devices are ready for the switchover; 10.0 only. */
  record SwitchoverAck() implements ReturnPathMessage {
    static final int TYPE = 7;

    @Override
    public int type() {
      return TYPE;
    }

    @Override
    public int payloadBytes() {
      return 0;
    }

    @Override
    public void writePayload(StreamOutput out) {}
  }

  /**
   * Godwit's own: the destination has the whole guest, and waits for the source to give it up; no
   * payload.
   */
  record Ready() implements ReturnPathMessage {
    static final int TYPE = 0x4701;

    @Override
    public int type() {
      return TYPE;
    }

    @Override
    public int payloadBytes() {
      return 0;
    }

    @Override
    public void writePayload(StreamOutput out) {}
  }

  /**
   * Godwit's own: why the destination does not take the guest, in UTF-8; a SHUT may follow. What a
   * hostile one has written is kept as it is, and harmless in {@link #text}.
   *
   * @param bytes 1 to 512 of them as they travel, one in each char
   */
  record Reason(String bytes) implements ReturnPathMessage {
    static final int TYPE = 0x4702;
    private static final char UNREADABLE = '\uFFFD';

    public Reason {
      if (bytes.isEmpty() || bytes.length() > MAX_PAYLOAD_BYTES) {
        throw new IllegalArgumentException(
            "A reason has 1 to " + MAX_PAYLOAD_BYTES + " bytes, not " + bytes.length());
      }
    }

    /** A sentence without a full stop; of a long one only the beginning. */
    public static Reason of(String sentence) {
      ByteBuffer bytes = ByteBuffer.allocate(MAX_PAYLOAD_BYTES);
      // Stops before the first character that does not fit whole.
      UTF_8
          .newEncoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .encode(CharBuffer.wrap(sentence), bytes, true);
      return new Reason(ISO_8859_1.decode(bytes.flip()).toString());
    }

    /** The sentence, in which nothing moves a cursor or hides what follows. */
    public String text() {
      StringBuilder text = new StringBuilder();
      new String(bytes.getBytes(ISO_8859_1), UTF_8)
          .codePoints()
          .map(c -> isReadable(c) ? c : UNREADABLE)
          .forEach(text::appendCodePoint);
      return text.toString();
    }

    private static boolean isReadable(int character) {
      return switch (Character.getType(character)) {
        case Character.CONTROL,
            Character.FORMAT,
            Character.LINE_SEPARATOR,
            Character.PARAGRAPH_SEPARATOR,
            Character.SURROGATE,
            Character.PRIVATE_USE,
            Character.UNASSIGNED ->
            false;
        default -> true;
      };
    }

    @Override
    public int type() {
      return TYPE;
    }

    @Override
    public int payloadBytes() {
      return bytes.length();
    }

    @Override
    public void writePayload(StreamOutput out) throws ChannelException {
      out.bytes(bytes.getBytes(ISO_8859_1));
    }
  }
}
