package dev.godwit.transport.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * A random transfer that keeps the law of the seam: several passes of writes and puts in any mix,
 * with two barriers after each, between which the receiver looks at its memory. In a pass no byte
 * of memory is put twice; between passes the source changes. The receiver takes the same sequence
 * in other splits.
 */
public final class PlacementPlan {
  private static final String RAM = "plan.ram";
  private static final int PASSES = 3;
  private static final int MEMORY_BYTES = 512 * 1024;
  private static final int SLOTS = 128;
  private static final int SLOT_BYTES = MEMORY_BYTES / SLOTS;

  private sealed interface Op {}

  private record Write(ByteBuffer bytes) implements Op {}

  private record Put(int offset, int length) implements Op {}

  private final Seed seed;
  private final Placement placement;
  private final List<List<Op>> passes = new ArrayList<>();
  private final List<byte[]> memories = new ArrayList<>();

  private PlacementPlan(Seed seed, Placement placement) {
    this.seed = seed;
    this.placement = placement;
    Random random = seed.random();
    byte[] memory = new byte[MEMORY_BYTES];
    for (int pass = 0; pass < PASSES; pass++) {
      List<Integer> slots = new ArrayList<>();
      for (int slot = 0; slot < SLOTS; slot++) {
        slots.add(slot);
      }
      Collections.shuffle(slots, random);
      List<Op> ops = new ArrayList<>();
      byte[] next = memory.clone();
      for (int slot : slots) {
        int from = slot * SLOT_BYTES + random.nextInt(64);
        int length = 1 + random.nextInt(SLOT_BYTES - 64);
        switch (random.nextInt(4)) {
          case 0 -> ops.add(new Write(ByteBuffer.wrap(Io.bytes(random, random.nextInt(300)))));
          case 1 -> {
            ops.add(new Write(ByteBuffer.wrap(Io.bytes(random, 8))));
            ops.add(change(next, random, from, length));
          }
          case 2 -> ops.add(change(next, random, from, length));
          default -> ops.add(change(next, random, slot * SLOT_BYTES, SLOT_BYTES));
        }
      }
      passes.add(ops);
      memories.add(next);
      memory = next;
    }
  }

  /** A plan for channels of that placement. */
  public static PlacementPlan random(Seed seed, Placement placement) {
    return new PlacementPlan(seed, placement);
  }

  private static Op change(byte[] memory, Random random, int offset, int length) {
    byte[] fresh = Io.bytes(random, length);
    System.arraycopy(fresh, 0, memory, offset, length);
    return new Put(offset, length);
  }

  /** Sends it all, with its own memory. */
  public void send(Channel out) throws ChannelException {
    Random random = seed.random(1);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(MEMORY_BYTES);
      try (Region src = out.info().peer().register(RAM, memory, Access.LOCAL)) {
        RemoteRegion dst = out.info().peer().remote(RAM, Pair.soon());
        for (int pass = 0; pass < PASSES; pass++) {
          Io.fill(memory, 0, memories.get(pass));
          for (Op op : passes.get(pass)) {
            sendOne(out, op, src, dst, random);
          }
          out.barrier();
          // The receiver looks at its memory here; without this the next pass could land meanwhile.
          out.barrier();
        }
        out.settle();
      }
    }
  }

  private static void sendOne(Channel out, Op op, Region src, RemoteRegion dst, Random random)
      throws ChannelException {
    switch (op) {
      case Write write -> {
        ByteBuffer bytes = write.bytes();
        int at = random.nextInt(bytes.limit() + 1);
        out.write(bytes.slice(0, at), bytes.slice(at, bytes.limit() - at));
      }
      case Put put -> {
        int at = random.nextInt(put.length() + 1);
        out.put(src, put.offset(), dst, put.offset(), at);
        out.put(src, put.offset() + at, dst, put.offset() + at, put.length() - at);
      }
    }
    switch (random.nextInt(40)) {
      case 0 -> out.flush();
      case 1 -> out.settle();
      default -> {}
    }
  }

  /** Receives it all into its own memory, and holds every byte against the plan. */
  public void receive(Channel in) throws ChannelException {
    Random random = seed.random(2);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(MEMORY_BYTES);
      try (Region dst = in.info().peer().register(RAM, memory, Access.REMOTE_WRITE)) {
        for (int pass = 0; pass < PASSES; pass++) {
          for (Op op : passes.get(pass)) {
            switch (op) {
              case Write write -> receiveWritten(in, write.bytes(), random);
              case Put put -> receivePlaced(in, dst, put, memories.get(pass), random);
            }
          }
          in.barrier();
          assertThat(Arrays.mismatch(Io.copy(memory, 0, MEMORY_BYTES), memories.get(pass)))
              .as("first wrong byte after pass %d, seed %s", pass, seed)
              .isEqualTo(-1);
          in.barrier();
        }
      }
    }
  }

  private void receiveWritten(Channel in, ByteBuffer bytes, Random random) throws ChannelException {
    for (int at = 0; at < bytes.limit(); ) {
      ByteBuffer buffer = ByteBuffer.allocate(1 + random.nextInt(bytes.limit() - at));
      int read = in.read(buffer);
      assertThat(buffer.flip()).as("written bytes, seed %s", seed).isEqualTo(bytes.slice(at, read));
      at += read;
    }
  }

  private void receivePlaced(Channel in, Region dst, Put put, byte[] expected, Random random)
      throws ChannelException {
    if (placement == Placement.SILENT) {
      return;
    }
    for (int at = 0; at < put.length(); ) {
      int part = random.nextBoolean() ? put.length() - at : 1 + random.nextInt(put.length() - at);
      in.get(dst, put.offset() + at, part);
      assertThat(ByteBuffer.wrap(Io.copy(dst.memory(), put.offset() + at, part)))
          .as("placed bytes at %d, seed %s", put.offset() + at, seed)
          .isEqualTo(ByteBuffer.wrap(expected, put.offset() + at, part));
      at += part;
    }
  }
}
