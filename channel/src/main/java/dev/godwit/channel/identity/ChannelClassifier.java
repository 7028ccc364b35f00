package dev.godwit.channel.identity;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.support.ChannelReader;
import java.nio.ByteBuffer;
import java.util.UUID;

/**
 * Tells what a connection is by looking at its first bytes (qemu-wire.md §10, "identify by
 * content"). Takes nothing from the stream.
 */
public final class ChannelClassifier {
  /** Enough to look at: the longest first frame is the multifd init packet. */
  public static final int PEEK_BYTES = 64;

  private static final int MULTIFD_INIT_BYTES = PEEK_BYTES;
  private static final int FILE_MAGIC = 0x5145564D;
  private static final int FILE_VERSION = 3;
  private static final int MULTIFD_MAGIC = 0x11223344;
  private static final int MULTIFD_VERSION = 1;
  private static final int MAX_MULTIFD_ID = 254;
  private static final int TLS_HANDSHAKE = 0x16;
  private static final int COMMAND = 0x08;
  private static final int COMMAND_POSTCOPY_RESUME = 9;
  private static final int COMMAND_RECV_BITMAP = 10;

  private static final long FLAGS_MASK = 0xFFF;
  private static final long FLAG_ZERO = 0x002;
  private static final long FLAG_PAGE = 0x008;
  private static final long FLAG_COMPRESS_PAGE = 0x100;

  private ChannelClassifier() {}

  /**
   * Waits for the first bytes of {@code reader}'s channel and says what they begin.
   *
   * @return {@link ChannelRole.Silent} if the peer ended without a byte
   * @throws ChannelException.Violated if no migration begins so; the message names the bytes
   */
  public static ChannelRole classify(ChannelReader reader) throws ChannelException {
    ByteBuffer first = reader.peek(4);
    if (!first.hasRemaining()) {
      return new ChannelRole.Silent();
    }
    if (first.remaining() < 4) {
      throw unrecognised(first, "it ends there");
    }
    int magic = first.getInt(first.position());
    if (magic == FILE_MAGIC) {
      ByteBuffer header = reader.peek(8);
      if (header.remaining() < 8) {
        throw unrecognised(header, "the file header ends early");
      }
      int version = header.getInt(header.position() + 4);
      if (version != FILE_VERSION) {
        throw unrecognised(
            header,
            "the stream has version "
                + Integer.toUnsignedString(version)
                + ", this Godwit knows "
                + FILE_VERSION);
      }
      return new ChannelRole.Main();
    }
    if (magic == MULTIFD_MAGIC) {
      return multifd(reader.peek(MULTIFD_INIT_BYTES));
    }
    int type = magic >>> 24;
    if (type == TLS_HANDSHAKE && ((magic >>> 16) & 0xFF) == 3) {
      return new ChannelRole.Tls();
    }
    int command = (magic >>> 8) & 0xFFFF;
    if (type == COMMAND && (command == COMMAND_RECV_BITMAP || command == COMMAND_POSTCOPY_RESUME)) {
      return new ChannelRole.Recovery();
    }
    return preempt(reader.peek(9));
  }

  private static ChannelRole multifd(ByteBuffer init) throws ChannelException {
    if (init.remaining() < MULTIFD_INIT_BYTES) {
      throw unrecognised(init, "the multifd init packet ends early");
    }
    int at = init.position();
    int version = init.getInt(at + 4);
    if (version != MULTIFD_VERSION) {
      throw unrecognised(
          init, "the multifd init packet has version " + Integer.toUnsignedString(version));
    }
    int id = init.get(at + 24) & 0xFF;
    if (id > MAX_MULTIFD_ID) {
      throw unrecognised(init, "multifd channel " + id + " cannot be");
    }
    return new ChannelRole.Multifd(id, new UUID(init.getLong(at + 8), init.getLong(at + 16)));
  }

  /** A page record with its block's name: {@code u64 word, u8 length, name}. */
  private static ChannelRole preempt(ByteBuffer record) throws ChannelException {
    if (record.remaining() >= 9) {
      long flags = record.getLong(record.position()) & FLAGS_MASK;
      boolean page = flags == FLAG_ZERO || flags == FLAG_PAGE || flags == FLAG_COMPRESS_PAGE;
      if (page
          && record.getLong(record.position()) >>> 56 == 0
          && record.get(record.position() + 8) != 0) {
        return new ChannelRole.Preempt();
      }
    }
    throw unrecognised(record, "no migration begins so");
  }

  private static ChannelException.Violated unrecognised(ByteBuffer bytes, String why) {
    StringBuilder text = new StringBuilder("First bytes ");
    for (int i = 0; i < Math.min(8, bytes.remaining()); i++) {
      text.append(String.format("%02x ", bytes.get(bytes.position() + i)));
    }
    return new ChannelException.Violated(text + "are no migration channel: " + why);
  }
}
