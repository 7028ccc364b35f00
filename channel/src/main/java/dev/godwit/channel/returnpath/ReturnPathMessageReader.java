package dev.godwit.channel.returnpath;

import dev.godwit.channel.returnpath.ReturnPathMessage.Pong;
import dev.godwit.channel.returnpath.ReturnPathMessage.Ready;
import dev.godwit.channel.returnpath.ReturnPathMessage.Reason;
import dev.godwit.channel.returnpath.ReturnPathMessage.RecvBitmap;
import dev.godwit.channel.returnpath.ReturnPathMessage.RequestPages;
import dev.godwit.channel.returnpath.ReturnPathMessage.RequestPagesOf;
import dev.godwit.channel.returnpath.ReturnPathMessage.ResumeAck;
import dev.godwit.channel.returnpath.ReturnPathMessage.Shut;
import dev.godwit.channel.returnpath.ReturnPathMessage.SwitchoverAck;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** Reads a {@link ReturnPathMessage} whose type says what its payload is. */
final class ReturnPathMessageReader {
  /** Memory is taken as the bytes arrive, not as they are announced. */
  private static final int FIRST_BYTES = 256 * 1024;

  private ReturnPathMessageReader() {}

  static ReturnPathMessage read(StreamInput in, long maxBitmapBytes)
      throws ChannelException, StreamException {
    long start = in.offset();
    int type = in.u16();
    int length = in.u16();
    if (type == 0) {
      throw in.malformed(start, "There is no return path message 0");
    }
    if (type > SwitchoverAck.TYPE && type != Ready.TYPE && type != Reason.TYPE) {
      throw in.unsupported(start, "Return path message " + type + " is unknown");
    }
    if (!isPlausible(type, length)) {
      throw in.malformed(
          start + Short.BYTES,
          "Return path message " + type + " has a payload of " + length + " bytes");
    }
    return switch (type) {
      case Shut.TYPE -> new Shut(in.u32());
      case Pong.TYPE -> new Pong(in.u32());
      case RequestPagesOf.TYPE -> requestPagesOf(in, length);
      case RequestPages.TYPE -> new RequestPages(start(in), in.u32());
      case RecvBitmap.TYPE -> recvBitmap(in, length, maxBitmapBytes);
      case ResumeAck.TYPE -> resumeAck(in);
      case Ready.TYPE -> new Ready();
      case Reason.TYPE -> new Reason(in.text(length));
      default -> new SwitchoverAck();
    };
  }

  private static boolean isPlausible(int type, int length) {
    return switch (type) {
      case Shut.TYPE, Pong.TYPE, ResumeAck.TYPE -> length == Integer.BYTES;
      case RequestPages.TYPE -> length == RequestPages.BYTES;
      case RequestPagesOf.TYPE ->
          length > RequestPagesOf.FIXED_BYTES && length <= RequestPagesOf.FIXED_BYTES + 255;
      case RecvBitmap.TYPE -> length >= 2 && length <= 256;
      case Reason.TYPE -> length >= 1 && length <= ReturnPathMessage.MAX_PAYLOAD_BYTES;
      default -> length == 0;
    };
  }

  private static long start(StreamInput in) throws ChannelException, StreamException {
    long at = in.offset();
    long start = in.u64();
    if (start < 0) {
      throw in.malformed(at, "Pages are requested from outside of every block");
    }
    return start;
  }

  private static ReturnPathMessage requestPagesOf(StreamInput in, int length)
      throws ChannelException, StreamException {
    long start = start(in);
    long bytes = in.u32();
    return new RequestPagesOf(block(in, length - RequestPagesOf.FIXED_BYTES), start, bytes);
  }

  private static String block(StreamInput in, int length) throws ChannelException, StreamException {
    long start = in.offset();
    String block = in.name("name of the RAM block");
    if (block.length() != length) {
      throw in.malformed(start, "The name of the RAM block does not fill its message");
    }
    return block;
  }

  private static ReturnPathMessage resumeAck(StreamInput in)
      throws ChannelException, StreamException {
    long start = in.offset();
    long value = in.u32();
    if (value != ResumeAck.VALUE) {
      throw in.malformed(start, "A resumption is acknowledged with 1, not with " + value);
    }
    return new ResumeAck();
  }

  private static ReturnPathMessage recvBitmap(StreamInput in, int length, long maxBytes)
      throws ChannelException, StreamException {
    String block = block(in, length - 1);
    long sizeAt = in.offset();
    long size = in.u64();
    if (size < 0 || size > Math.min(maxBytes, Integer.MAX_VALUE - Long.BYTES)) {
      throw in.malformed(
          sizeAt,
          "A bitmap of " + Long.toUnsignedString(size) + " bytes for " + block + " is too long");
    }
    if (size % Long.BYTES != 0) {
      throw in.malformed(sizeAt, "A bitmap of " + size + " bytes is no whole number of words");
    }
    byte[] bits = new byte[(int) Math.min(size, FIRST_BYTES)];
    for (int done = 0; done < size; done = bits.length) {
      if (done > 0) {
        bits = Arrays.copyOf(bits, (int) Math.min(size, 2L * done));
      }
      in.bytes(ByteBuffer.wrap(bits, done, bits.length - done));
    }
    long markAt = in.offset();
    if (in.u64() != RecvBitmap.END_MARK) {
      throw in.malformed(markAt, "The bitmap of " + block + " does not end with its mark");
    }
    return new RecvBitmap(block, Bitmap.owning(bits));
  }
}
