package dev.godwit.channel.stream;

import dev.godwit.channel.stream.Command.EnableColo;
import dev.godwit.channel.stream.Command.OpenReturnPath;
import dev.godwit.channel.stream.Command.Packaged;
import dev.godwit.channel.stream.Command.Ping;
import dev.godwit.channel.stream.Command.PostcopyAdvise;
import dev.godwit.channel.stream.Command.PostcopyListen;
import dev.godwit.channel.stream.Command.PostcopyRamDiscard;
import dev.godwit.channel.stream.Command.PostcopyResume;
import dev.godwit.channel.stream.Command.PostcopyRun;
import dev.godwit.channel.stream.Command.RecvBitmap;
import dev.godwit.channel.stream.Command.SwitchoverStart;
import dev.godwit.transport.ChannelException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads a {@link Command} whose number says what its payload is. */
final class CommandReader {
  private CommandReader() {}

  /** Numbers and payload lengths that can be, in one place for whoever looks ahead. */
  static boolean isPlausible(int number, int payloadBytes) {
    return switch (number) {
      case OpenReturnPath.NUMBER,
          PostcopyListen.NUMBER,
          PostcopyRun.NUMBER,
          EnableColo.NUMBER,
          PostcopyResume.NUMBER,
          SwitchoverStart.NUMBER ->
          payloadBytes == 0;
      case Ping.NUMBER -> payloadBytes == Ping.PAYLOAD_BYTES;
      case Packaged.NUMBER -> payloadBytes == Packaged.PAYLOAD_BYTES;
      case PostcopyAdvise.NUMBER ->
          payloadBytes == 0 || payloadBytes == PostcopyAdvise.PAYLOAD_BYTES;
      case PostcopyRamDiscard.NUMBER ->
          payloadBytes > PostcopyRamDiscard.FIXED_BYTES + PostcopyRamDiscard.RANGE_BYTES;
      case RecvBitmap.NUMBER -> payloadBytes >= 2 && payloadBytes <= 256;
      default -> false;
    };
  }

  static Command read(StreamInput in) throws ChannelException, StreamException {
    long start = in.offset();
    int type = in.u8();
    if (type != TypeByte.COMMAND) {
      throw in.malformed(start, "A command begins with 0x08, not with " + TypeByte.text(type));
    }
    int number = in.u16();
    int length = in.u16();
    if (number == 0) {
      throw in.malformed(start + 1, "There is no command 0");
    }
    if (number > SwitchoverStart.NUMBER) {
      throw in.unsupported(start + 1, "Command " + number + " is unknown");
    }
    if (!isPlausible(number, length)) {
      throw in.malformed(start + 3, "Command " + number + " has a payload of " + length + " bytes");
    }
    return switch (number) {
      case OpenReturnPath.NUMBER -> new OpenReturnPath();
      case Ping.NUMBER -> new Ping(in.u32());
      case PostcopyAdvise.NUMBER -> advise(in, length);
      case PostcopyListen.NUMBER -> new PostcopyListen();
      case PostcopyRun.NUMBER -> new PostcopyRun();
      case PostcopyRamDiscard.NUMBER -> discard(in, length);
      case Packaged.NUMBER -> packaged(in);
      case EnableColo.NUMBER -> new EnableColo();
      case PostcopyResume.NUMBER -> new PostcopyResume();
      case RecvBitmap.NUMBER -> recvBitmap(in, length);
      default -> new SwitchoverStart();
    };
  }

  private static Command advise(StreamInput in, int length)
      throws ChannelException, StreamException {
    return new PostcopyAdvise(
        length == 0
            ? Optional.empty()
            : Optional.of(new PostcopyAdvise.PageSizes(in.u64(), in.u64())));
  }

  private static Command packaged(StreamInput in) throws ChannelException, StreamException {
    long start = in.offset();
    long length = in.u32();
    if (length > Packaged.MAX_PACKAGE_BYTES) {
      throw in.malformed(start, "A package of " + length + " bytes is too long");
    }
    return new Packaged(length);
  }

  private static Command recvBitmap(StreamInput in, int length)
      throws ChannelException, StreamException {
    long start = in.offset();
    String block = in.name("name of the RAM block");
    if (block.length() != length - 1) {
      throw in.malformed(start, "The name of the RAM block does not fill its command");
    }
    return new RecvBitmap(block);
  }

  private static Command discard(StreamInput in, int length)
      throws ChannelException, StreamException {
    long start = in.offset();
    int version = in.u8();
    if (version != 0) {
      throw in.unsupported(start, "The version of a discard is " + version + " instead of 0");
    }
    String block = in.name("name of the RAM block");
    int rest = length - PostcopyRamDiscard.FIXED_BYTES - block.length();
    if (rest <= 0 || rest % PostcopyRamDiscard.RANGE_BYTES != 0) {
      throw in.malformed(
          start, "A discard of " + length + " bytes for " + block + " has no whole ranges");
    }
    long endOfName = in.offset();
    if (in.u8() != 0) {
      throw in.malformed(endOfName, "The name of a discarded block does not end with 0");
    }
    List<PostcopyRamDiscard.Range> ranges = new ArrayList<>();
    for (; rest > 0; rest -= PostcopyRamDiscard.RANGE_BYTES) {
      long rangeAt = in.offset();
      long from = in.u64();
      long bytes = in.u64();
      if (from < 0 || bytes < 0 || from > Long.MAX_VALUE - bytes) {
        throw in.malformed(rangeAt, "A discarded range lies outside of every block");
      }
      ranges.add(new PostcopyRamDiscard.Range(from, bytes));
    }
    return new PostcopyRamDiscard(block, ranges);
  }
}
