package dev.godwit.transport.rdma.qemu;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * What stands in the payload of a message that is no FILE (qemu-rdma-wire.md §4). All numbers are
 * big endian, and what is not drawn is anything.
 *
 * <pre>
 * BLOCKS       for each block, in the order of the source's:
 *               0 be64 address of its first byte for writes   8 be64 bias that requests add to offsets
 *              16 be64 length                                24 be32 key, if whole blocks are registered
 *              32
 * COMPRESS      0 be32 value   4 be32 block   8 be64 bias and offset   16 be64 length   24
 * REGISTER      0 be64 bias and offset   8 be32 block   16 be64 chunks behind the first   24
 * UNREGISTER    0 be64 chunk             8 be32 block                                     24
 * REGISTERED    0 be32 key   8 be64 address of the block's first byte for writes          16
 * </pre>
 *
 * The others have no payload. A block is named by its place in BLOCKS.
 */
public sealed interface Command {
  /** A chunk, counted from the beginning of a block; the last of a block may be shorter. */
  long CHUNK_BYTES = 1 << 20;

  int BLOCK_BYTES = 32;
  int REQUEST_BYTES = 24;
  int REGISTERED_BYTES = 16;

  /** As many blocks as one message holds. */
  int MAX_BLOCKS = (Message.MAX_BYTES - Message.HEADER_BYTES) / BLOCK_BYTES;

  /**
   * A block of the destination.
   *
   * @param address of its first byte, as writes have it
   * @param bias what {@link Compress} and {@link Register} add to an offset in it
   * @param key for writes anywhere in it, where whole blocks are registered; else anything
   */
  record Block(long address, long bias, long length, int key) {}

  /** {@link MessageType#ERROR}. */
  record GaveUp() implements Command {}

  /** {@link MessageType#READY}. */
  record Ready() implements Command {}

  /** {@link MessageType#BLOCKS_REQUEST}. */
  record BlocksRequest() implements Command {}

  /** {@link MessageType#BLOCKS}. */
  record Blocks(List<Block> blocks) implements Command {
    public Blocks {
      blocks = List.copyOf(blocks);
    }
  }

  /**
   * {@link MessageType#COMPRESS}.
   *
   * @param value the byte to fill the range with
   * @param at bias and offset
   */
  record Compress(int value, int block, long at, long length) implements Command {}

  /**
   * {@link MessageType#REGISTER}.
   *
   * @param at bias and offset
   * @param more chunks behind the one that has {@code at}
   */
  record Register(int block, long at, long more) implements Command {}

  /**
   * {@link MessageType#REGISTERED}.
   *
   * @param address of the block's first byte
   */
  record Registered(int key, long address) implements Command {}

  /** {@link MessageType#FINISHED}. */
  record Finished() implements Command {}

  /** {@link MessageType#UNREGISTER}. */
  record Unregister(int block, long chunk) implements Command {}

  /** {@link MessageType#UNREGISTERED}. */
  record Unregistered() implements Command {}

  default MessageType type() {
    return switch (this) {
      case GaveUp e -> MessageType.ERROR;
      case Ready r -> MessageType.READY;
      case BlocksRequest b -> MessageType.BLOCKS_REQUEST;
      case Blocks b -> MessageType.BLOCKS;
      case Compress c -> MessageType.COMPRESS;
      case Register r -> MessageType.REGISTER;
      case Registered r -> MessageType.REGISTERED;
      case Finished f -> MessageType.FINISHED;
      case Unregister u -> MessageType.UNREGISTER;
      case Unregistered u -> MessageType.UNREGISTERED;
    };
  }

  /**
   * Writes the message.
   *
   * @param frame has room for it
   * @return how long it is, in bytes
   */
  default int encode(ByteBuffer frame) {
    ByteBuffer out = frame.duplicate().clear().position(Message.HEADER_BYTES);
    switch (this) {
      case GaveUp(), Ready(), BlocksRequest(), Finished(), Unregistered() -> {}
      case Blocks(List<Block> blocks) -> blocks.forEach(block -> put(out, block));
      case Compress(int value, int block, long at, long length) ->
          out.putInt(value).putInt(block).putLong(at).putLong(length);
      case Register(int block, long at, long more) ->
          out.putLong(at).putInt(block).putInt(0).putLong(more);
      case Unregister(int block, long chunk) ->
          out.putLong(chunk).putInt(block).putInt(0).putLong(0);
      case Registered(int key, long address) -> out.putInt(key).putInt(0).putLong(address);
    }
    Message.encode(frame, type(), out.position() - Message.HEADER_BYTES);
    return out.position();
  }

  private static void put(ByteBuffer out, Block block) {
    out.putLong(block.address()).putLong(block.bias()).putLong(block.length());
    out.putInt(block.key()).putInt(0);
  }

  /**
   * Reads the payload of a message whose header is checked.
   *
   * @throws ChannelException.Violated if it makes no sense, or has several records
   */
  static Command decode(MessageType type, ByteBuffer frame) throws ChannelException {
    int length = Message.payloadBytes(frame);
    ByteBuffer in = frame.duplicate();
    in.limit(Message.HEADER_BYTES + length).position(Message.HEADER_BYTES);
    return switch (type) {
      case FILE -> throw new IllegalArgumentException("FILE carries the stream");
      case ERROR -> new GaveUp();
      case READY -> none(type, in, new Ready());
      case BLOCKS_REQUEST -> none(type, in, new BlocksRequest());
      case FINISHED -> none(type, in, new Finished());
      case UNREGISTERED -> none(type, in, new Unregistered());
      case BLOCKS -> blocks(in);
      case COMPRESS -> {
        one(type, frame, in, REQUEST_BYTES);
        int value = in.getInt();
        yield new Compress(value, block(type, in), in.getLong(), length(type, in.getLong()));
      }
      case REGISTER -> {
        one(type, frame, in, REQUEST_BYTES);
        long at = in.getLong();
        int block = block(type, in);
        in.getInt();
        long more = in.getLong();
        if (more < 0) {
          throw wrong(type, "asks for " + Long.toUnsignedString(more) + " more chunks");
        }
        yield new Register(block, at, more);
      }
      case UNREGISTER -> {
        one(type, frame, in, REQUEST_BYTES);
        long chunk = in.getLong();
        yield new Unregister(block(type, in), chunk);
      }
      case REGISTERED -> {
        one(type, frame, in, REGISTERED_BYTES);
        int key = in.getInt();
        in.getInt();
        yield new Registered(key, in.getLong());
      }
    };
  }

  private static Blocks blocks(ByteBuffer in) throws ChannelException {
    MessageType type = MessageType.BLOCKS;
    if (in.remaining() % BLOCK_BYTES != 0) {
      throw wrong(type, "has " + in.remaining() + " bytes, which are no whole blocks");
    }
    int count = in.remaining() / BLOCK_BYTES;
    List<Block> blocks = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      long address = in.getLong();
      long bias = in.getLong();
      long length = length(type, in.getLong());
      int key = in.getInt();
      in.getInt();
      blocks.add(new Block(address, bias, length, key));
    }
    return new Blocks(blocks);
  }

  private static Command none(MessageType type, ByteBuffer in, Command command)
      throws ChannelException {
    if (in.hasRemaining()) {
      throw wrong(type, "has " + in.remaining() + " bytes instead of none");
    }
    return command;
  }

  private static void one(MessageType type, ByteBuffer frame, ByteBuffer in, int bytes)
      throws ChannelException {
    if (Message.repeat(frame) != 1) {
      throw wrong(type, "has " + Message.repeat(frame) + " records instead of one");
    }
    if (in.remaining() != bytes) {
      throw wrong(type, "has " + in.remaining() + " bytes instead of " + bytes);
    }
  }

  private static int block(MessageType type, ByteBuffer in) throws ChannelException {
    int block = in.getInt();
    if (block < 0 || block >= MAX_BLOCKS) {
      throw wrong(type, "names block " + Integer.toUnsignedString(block));
    }
    return block;
  }

  private static long length(MessageType type, long length) throws ChannelException {
    if (length < 0) {
      throw wrong(type, "has a length of " + Long.toUnsignedString(length) + " bytes");
    }
    return length;
  }

  private static ChannelException wrong(MessageType type, String how) {
    return new ChannelException.Violated("The peer sent a message " + type + " that " + how);
  }
}
