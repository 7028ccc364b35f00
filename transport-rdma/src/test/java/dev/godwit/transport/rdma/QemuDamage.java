package dev.godwit.transport.rdma;

import dev.godwit.transport.rdma.qemu.Command;
import dev.godwit.transport.rdma.qemu.Message;
import dev.godwit.transport.testkit.Mutant;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Damage to a conversation in QEMU's dialect: what a message becomes on its way. */
final class QemuDamage {
  private static final int[] NUMBERS = {
    0,
    1,
    2,
    3,
    11,
    12,
    16,
    24,
    255,
    256,
    4096,
    4097,
    16382,
    16384,
    1 << 20,
    524_272,
    524_273,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    -1
  };

  private static final long[] LONGS = {
    0,
    1,
    -1,
    4095,
    4096,
    (1 << 20) - 1,
    1 << 20,
    (1 << 20) + 1,
    3 << 20,
    1L << 31,
    1L << 32,
    0xffff_ffffL,
    1L << 43,
    1L << 44,
    Long.MAX_VALUE,
    Long.MAX_VALUE - 4095,
    Long.MIN_VALUE,
    Long.MIN_VALUE + 1
  };

  private final Random random;

  QemuDamage(Random random) {
    this.random = random;
  }

  /** What arrives instead of {@code message}: nothing, something else, or several. */
  List<byte[]> of(byte[] message) {
    return switch (random.nextInt(10)) {
      case 0 -> List.of(anywhere(message));
      case 1 -> List.of(Mutant.of(message, random));
      case 2, 3 -> List.of(withLie(message));
      case 4, 5 -> List.of(withNumber(message));
      case 6 -> List.of();
      case 7 -> List.of(message, message);
      case 8 -> List.of(another(), message);
      default -> List.of(another());
    };
  }

  /** Damaged in the header or early in the payload, where the numbers stand. */
  private byte[] anywhere(byte[] message) {
    return Mutant.of(message, random, (any, length) -> any.nextInt(Math.min(length, 64)));
  }

  /** One number of the header is another; the length may change with it, to be no lie. */
  private byte[] withLie(byte[] message) {
    if (message.length < Message.HEADER_BYTES) {
      return message;
    }
    byte[] changed = message.clone();
    int number = NUMBERS[random.nextInt(NUMBERS.length)];
    int at = 4 * random.nextInt(3);
    if (at == 0 && random.nextBoolean()) {
      changed = Arrays.copyOf(message, Message.HEADER_BYTES + random.nextInt(1000));
      number = changed.length - Message.HEADER_BYTES;
    } else if (at == 4) {
      number = random.nextInt(14);
    }
    ByteBuffer.wrap(changed).putInt(at, number);
    return changed;
  }

  /** One number of the payload is another, and the message keeps its form. */
  private byte[] withNumber(byte[] message) {
    int numbers = (message.length - Message.HEADER_BYTES) / 4;
    if (numbers < 2) {
      return another();
    }
    byte[] changed = message.clone();
    ByteBuffer out = ByteBuffer.wrap(changed);
    int at = Message.HEADER_BYTES + 4 * random.nextInt(numbers - 1);
    if (random.nextBoolean()) {
      out.putInt(at, NUMBERS[random.nextInt(NUMBERS.length)]);
    } else {
      out.putLong(at & -8, LONGS[random.nextInt(LONGS.length)]);
    }
    return changed;
  }

  /** A message in good form that may be out of turn. */
  private byte[] another() {
    int block = random.nextInt(3);
    long at = LONGS[random.nextInt(LONGS.length)];
    long length = Math.abs(LONGS[random.nextInt(LONGS.length)] % (4 << 20));
    return switch (random.nextInt(11)) {
      case 0 -> RawQemuWire.bytes(new Command.GaveUp());
      case 1 -> RawQemuWire.bytes(new Command.Ready());
      case 2 -> RawQemuWire.bytes(new Command.BlocksRequest());
      case 3 -> RawQemuWire.bytes(new Command.Blocks(List.of()));
      case 4 -> RawQemuWire.bytes(new Command.Compress(random.nextInt(300), block, at, length));
      case 5 -> RawQemuWire.bytes(new Command.Register(block, at, random.nextInt(5)));
      case 6 -> RawQemuWire.bytes(new Command.Registered(random.nextInt(9), at));
      case 7 -> RawQemuWire.bytes(new Command.Finished());
      case 8 -> RawQemuWire.bytes(new Command.Unregister(block, at));
      case 9 -> RawQemuWire.bytes(new Command.Unregistered());
      default -> RawQemuWire.file(new byte[1 + random.nextInt(40)]);
    };
  }
}
