package dev.godwit.channel.inspect;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamException.Kind;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;

/** Knows by their first bytes what people take for a migration stream. */
final class Foreign {
  private static final int HEAD_BYTES = 16;
  private static final int MULTIFD = 0x1122_3344;

  private Foreign() {}

  /** The first bytes, to be kept; fewer only if there are no more. */
  static ByteBuffer head(StreamInput in) throws ChannelException {
    ByteBuffer ahead = in.peek(HEAD_BYTES);
    ByteBuffer head = ByteBuffer.allocate(Math.min(HEAD_BYTES, ahead.remaining()));
    return head.put(ahead.limit(ahead.position() + head.capacity())).flip();
  }

  /** Says better what it is that is no stream, where that is known. */
  static StreamException explain(ByteBuffer head, StreamException plain) {
    if (!head.hasRemaining()) {
      return new StreamException(Kind.TRUNCATED, plain.channel(), 0, "It is empty");
    }
    String what = name(head);
    return what.isEmpty()
        ? plain
        : new StreamException(
            Kind.MALFORMED, plain.channel(), 0, "This is no migration stream but " + what);
  }

  private static String name(ByteBuffer head) {
    byte[] bytes = new byte[head.remaining()];
    head.get(0, bytes);
    String text = new String(bytes, ISO_8859_1);
    if (text.startsWith("\u001F\u008B")) {
      return "compressed with gzip, which 'exec:zcat FILE' undoes";
    }
    if (text.startsWith("(\u00B5/\u00FD")) {
      return "compressed with zstd, which 'exec:zstdcat FILE' undoes";
    }
    if (text.startsWith("\u00FD7zXZ")) {
      return "compressed with xz, which 'exec:xzcat FILE' undoes";
    }
    if (text.startsWith("LibvirtQemudSave")) {
      return "an image that libvirt saved, in which the stream follows libvirt's own header";
    }
    if (text.startsWith("QFI\u00FB")) {
      return "a disk image in qcow2";
    }
    if (text.startsWith("\u007FELF")) {
      return "an ELF file, such as a memory dump";
    }
    if (text.startsWith("\u0016\u0003")) {
      return "one encrypted by TLS";
    }
    return head.remaining() >= Integer.BYTES && head.getInt(0) == MULTIFD
        ? "one multifd channel of a migration; what describes the guest is on its main channel"
        : "";
  }
}
