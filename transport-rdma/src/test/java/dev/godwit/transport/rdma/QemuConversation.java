package dev.godwit.transport.rdma;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.rdma.qemu.Command;
import dev.godwit.transport.rdma.qemu.Message;
import dev.godwit.transport.rdma.qemu.MessageType;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A small migration in QEMU's dialect: our side of it as the codec has it, and the other side by
 * hand, with damage. Two blocks, some rounds, and a stream around them.
 */
final class QemuConversation {
  static final int PAGE = 4096;
  static final int RAM_BYTES = (3 << 20) + 3 * PAGE;
  static final int VGA_BYTES = 2 * PAGE;
  private static final int SETUP_BYTES = 100;
  private static final int ROUND_BYTES = 8;
  private static final int ROUNDS = 3;
  private static final int STATE_BYTES = 50;
  private static final int STREAM_BYTES = SETUP_BYTES + ROUNDS * ROUND_BYTES + STATE_BYTES;

  /** After so much silence a conversation stands still: somebody waits for what will not come. */
  private static final Duration SILENCE = Duration.ofMillis(10L * Await.SLOWNESS);

  static final String UNHARMED = "unharmed";

  private QemuConversation() {}

  /** How our side ended; fails with anything but what a bad peer may cause. */
  static String end(Task<Boolean> task, String what) {
    try {
      task.result();
      return UNHARMED;
    } catch (AssertionError e) {
      Throwable cause = e.getCause();
      if (cause instanceof ChannelException.Violated
          || cause instanceof ChannelException.Lost
          || cause instanceof ChannelException.EndedEarly) {
        return cause.getClass().getSimpleName();
      }
      throw new AssertionError(what, e);
    }
  }

  // Our destination.

  /** A message, whether it waits until it is asked for, and whether something is wrong with it. */
  static final class Said {
    private final byte[] message;
    private final boolean asked;
    private final boolean damaged;

    Said(byte[] message, boolean asked, boolean damaged) {
      this.message = message;
      this.asked = asked;
      this.damaged = damaged;
    }
  }

  /** As the codec does it: blocks are known from the stream, and rounds begin where it says. */
  static boolean receive(Channel in, GuardedMemory memory) throws ChannelException {
    Peer peer = in.info().peer();
    try (Region vga = registered(in, peer, memory);
        Region ram = peer.register("ram", memory.block(1), Access.REMOTE_WRITE)) {
      in.barrier();
      for (int round = 0; round < ROUNDS; round++) {
        read(in, ROUND_BYTES);
        in.barrier();
      }
      while (in.read(ByteBuffer.allocate(STATE_BYTES)) >= 0) {
        // To its end.
      }
      in.close();
      return vga.name().equals(ram.name());
    } finally {
      in.close();
    }
  }

  private static Region registered(Channel in, Peer peer, GuardedMemory memory)
      throws ChannelException {
    read(in, SETUP_BYTES);
    return peer.register("vga", memory.block(0), Access.REMOTE_WRITE);
  }

  private static void read(Channel in, int length) throws ChannelException {
    ByteBuffer buffer = ByteBuffer.allocate(length);
    while (buffer.hasRemaining()) {
      if (in.read(buffer) < 0) {
        throw new ChannelException.EndedEarly("The stream ended early");
      }
    }
  }

  static List<Said> damaged(Random random) {
    List<Said> said = new ArrayList<>();
    for (byte[] message : whatASourceSays()) {
      said.add(new Said(message, true, false));
    }
    QemuDamage damage = new QemuDamage(random);
    for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
      int at = random.nextInt(said.size());
      switch (random.nextInt(8)) {
        case 0 -> Collections.swap(said, at, (at + 1) % said.size());
        case 1 -> said.set(at, new Said(said.get(at).message, false, true));
        default -> {
          List<byte[]> instead = damage.of(said.remove(at).message);
          for (int i = 0; i < instead.size(); i++) {
            boolean asked = i == 0 || random.nextInt(4) > 0;
            said.add(at + i, new Said(instead.get(i), asked, true));
          }
        }
      }
    }
    return said;
  }

  private static List<byte[]> whatASourceSays() {
    List<byte[]> all = new ArrayList<>();
    all.add(RawQemuWire.file(new byte[SETUP_BYTES - 30]));
    all.add(RawQemuWire.file(new byte[30]));
    all.add(RawQemuWire.bytes(new Command.BlocksRequest()));
    all.add(RawQemuWire.bytes(new Command.Finished()));
    all.add(RawQemuWire.file(new byte[ROUND_BYTES]));
    all.add(RawQemuWire.bytes(new Command.Register(1, 0, 0)));
    all.add(RawQemuWire.bytes(new Command.Compress(0, 0, PAGE, PAGE)));
    all.add(RawQemuWire.bytes(new Command.Register(1, 1 << 20, 1)));
    all.add(RawQemuWire.bytes(new Command.Finished()));
    all.add(RawQemuWire.file(new byte[ROUND_BYTES]));
    all.add(RawQemuWire.bytes(new Command.Compress(255, 1, RAM_BYTES - PAGE, PAGE)));
    all.add(RawQemuWire.bytes(new Command.Unregister(1, 0)));
    all.add(RawQemuWire.bytes(new Command.Unregister(1, 2)));
    all.add(RawQemuWire.bytes(new Command.Register(1, (3 << 20) + PAGE, 0)));
    all.add(RawQemuWire.bytes(new Command.Finished()));
    all.add(RawQemuWire.file(new byte[ROUND_BYTES]));
    all.add(RawQemuWire.bytes(new Command.Finished()));
    all.add(RawQemuWire.file(new byte[STATE_BYTES]));
    return all;
  }

  /** Says it all, and writes with the keys that come, unless our side has enough of it. */
  static void say(
      RawQemuWire wire, List<Said> all, Random random, Registration from, AtomicInteger damaged)
      throws ChannelException {
    int credits = 0;
    for (Said said : all) {
      while (said.asked && credits == 0) {
        if (!wire.hears(Deadline.after(Await.LIMIT))) {
          if (wire.isGone()) {
            return;
          }
          throw new AssertionError("Our side neither asks for more nor ends");
        }
        switch (RawQemuWire.command(wire.receive())) {
          case Command.Ready() -> credits++;
          case Command.Registered(int key, long address) -> write(wire, random, from, address, key);
          case Command.GaveUp() -> {
            return;
          }
          default -> {}
        }
      }
      credits = Math.max(0, credits - 1);
      if (wire.isGone()) {
        return;
      }
      wire.send(said.message);
      damaged.addAndGet(said.damaged ? 1 : 0);
    }
  }

  /** Mostly where it may, in the first chunk or behind it. */
  private static void write(
      RawQemuWire wire, Random random, Registration from, long address, int key)
      throws ChannelException {
    boolean wild = random.nextInt(20) == 0;
    long at = wild ? random.nextLong() : (long) random.nextInt(RAM_BYTES / PAGE) * PAGE;
    int length = wild ? 1 + random.nextInt(1 << 20) : PAGE;
    wire.write(from, length, address + at, key + (random.nextInt(40) == 0 ? 1 : 0));
  }

  // Our source.

  static boolean send(Channel out, GuardedMemory memory) throws ChannelException {
    Peer peer = out.info().peer();
    Deadline soon = Deadline.after(Await.LIMIT);
    try (Region vga = peer.register("vga", memory.block(0), Access.LOCAL);
        Region ram = peer.register("ram", memory.block(1), Access.LOCAL);
        Channel closing = out) {
      Io.send(out, new byte[SETUP_BYTES]);
      out.barrier();
      RemoteRegion theirVga = peer.remote("vga", soon);
      RemoteRegion theirRam = peer.remote("ram", soon);
      for (int round = 0; round < ROUNDS; round++) {
        Io.send(out, new byte[ROUND_BYTES]);
        out.put(vga, 0, theirVga, 0, VGA_BYTES);
        out.put(ram, (long) round << 20, theirRam, (long) round << 20, 2 * PAGE);
        out.put(ram, RAM_BYTES - PAGE, theirRam, RAM_BYTES - PAGE, PAGE);
        out.barrier();
      }
      Io.send(out, new byte[STATE_BYTES]);
      return closing.info().equals(out.info());
    }
  }

  /** A destination that answers as it should but for one or two of its messages. */
  static final class Answering {
    private static final int MESSAGES = 25;

    private final RawQemuWire wire;
    private final Random random;
    private final QemuDamage damage;
    private final List<Registration> blocks;
    private final int first;
    private final int second;
    private final AtomicInteger damaged;
    private int said;
    private boolean harmed;
    private int streamBytes;

    Answering(RawQemuWire wire, Random random, List<Registration> blocks, AtomicInteger damaged) {
      this.wire = wire;
      this.random = random;
      this.damage = new QemuDamage(random);
      this.blocks = blocks;
      this.damaged = damaged;
      this.first = random.nextInt(MESSAGES + 1);
      this.second = random.nextInt(2 * MESSAGES);
    }

    void toTheEnd(Task<Boolean> task) throws ChannelException {
      say(new Command.Ready());
      while (streamBytes < STREAM_BYTES && !wire.isGone() && !task.isDone()) {
        if (wire.hears(Deadline.after(SILENCE))) {
          if (!answer(wire.receive())) {
            return;
          }
        } else if (harmed) {
          return;
        }
      }
    }

    private boolean answer(byte[] message) throws ChannelException {
      MessageType type = RawQemuWire.type(message);
      if (type == MessageType.FILE) {
        streamBytes += message.length - Message.HEADER_BYTES;
      } else {
        switch (RawQemuWire.command(message)) {
          case Command.BlocksRequest() ->
              say(new Command.Blocks(blocks.stream().map(this::block).toList()));
          case Command.Register(int block, long at, long more) ->
              say(
                  new Command.Registered(
                      blocks.get(block).remoteKey(), blocks.get(block).address()));
          case Command.GaveUp() -> {
            return false;
          }
          default -> {}
        }
      }
      say(new Command.Ready());
      return true;
    }

    private Command.Block block(Registration of) {
      long length = blocks.indexOf(of) == 0 ? VGA_BYTES : RAM_BYTES;
      return new Command.Block(of.address(), random.nextLong(), length, of.remoteKey());
    }

    private void say(Command command) throws ChannelException {
      byte[] message = RawQemuWire.bytes(command);
      boolean wrong = said == first || said == second || said == second + 1;
      said++;
      harmed |= wrong;
      damaged.addAndGet(wrong ? 1 : 0);
      for (byte[] each : wrong ? damage.of(message) : List.of(message)) {
        if (!wire.isGone()) {
          wire.send(each);
        }
      }
    }
  }
}
