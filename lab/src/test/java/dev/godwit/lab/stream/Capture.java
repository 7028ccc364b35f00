package dev.godwit.lab.stream;

import dev.godwit.lab.stream.Mode.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;

/**
 * What one migration of a real QEMU put on its connections.
 *
 * @param connections in the order in which they were made
 * @param memory the guest's physical memory as QEMU saved it, {@link #MEMORY_BYTES} long
 */
record Capture(Kind kind, List<Connection> connections, Path memory) {
  static final int MEMORY_MIB = 16;
  static final long MEMORY_BYTES = (long) MEMORY_MIB << 20;

  /** Where a PC has its video memory and firmware instead of RAM. */
  static final int HOLE_FROM = 0xA0000;

  static final int HOLE_TO = 0x100000;

  private static final int MAIN_MAGIC = 0x5145564D;
  private static final int MULTIFD_MAGIC = 0x11223344;
  private static final int MULTIFD_ID_AT = 24;
  private static final byte COMMAND = 8;

  /**
   * One connection, or a file that was written.
   *
   * @param name its role: {@code main}, {@code multifd 0}, {@code preempt}, {@code recovery}
   * @param forward what the source wrote
   * @param backward what the destination wrote, nothing if there was none
   */
  record Connection(String name, Path forward, Path backward) {

    /** Tells a connection's role by what it begins with (qemu-wire.md §10). */
    static Connection of(Path forward, Path backward) throws IOException {
      ByteBuffer head = ByteBuffer.allocate(MULTIFD_ID_AT + 1).order(ByteOrder.BIG_ENDIAN);
      try (FileChannel file = FileChannel.open(forward)) {
        while (head.hasRemaining() && file.read(head) >= 0) {
          // More of the head.
        }
      }
      return new Connection(role(head), forward, backward);
    }

    private static String role(ByteBuffer head) {
      return switch (head.position() < head.capacity() ? 0 : head.getInt(0)) {
        case MAIN_MAGIC -> "main";
        case MULTIFD_MAGIC -> "multifd " + head.get(MULTIFD_ID_AT);
        default -> head.position() > 0 && head.get(0) == COMMAND ? "recovery" : "preempt";
      };
    }

    byte[] bytes() throws IOException {
      return Files.readAllBytes(forward);
    }

    byte[] answers() throws IOException {
      return Files.exists(backward) ? Files.readAllBytes(backward) : new byte[0];
    }
  }

  /** The one connection of that role. */
  Connection connection(String name) {
    List<Connection> named = connections.stream().filter(c -> c.name().equals(name)).toList();
    if (named.size() != 1) {
      throw new AssertionError(kind + " has " + named.size() + " connections " + name);
    }
    return named.getFirst();
  }

  Connection main() {
    return connection("main");
  }

  /** The guest's physical memory, mapped read-only. */
  ByteBuffer guestMemory() throws IOException {
    try (FileChannel file = FileChannel.open(memory, StandardOpenOption.READ)) {
      return file.map(FileChannel.MapMode.READ_ONLY, 0, file.size());
    }
  }

  /**
   * Where the memory of block {@code pc.ram} first differs from what QEMU saved; empty if nowhere.
   * What lies under the hole cannot be seen by physical address and is left out.
   */
  Optional<Long> firstDifference(ByteBuffer ram) throws IOException {
    ByteBuffer expected = guestMemory();
    if (ram.limit() != expected.limit()) {
      return Optional.of((long) Math.min(ram.limit(), expected.limit()));
    }
    int below = ram.slice(0, HOLE_FROM).mismatch(expected.slice(0, HOLE_FROM));
    if (below >= 0) {
      return Optional.of((long) below);
    }
    int rest = expected.limit() - HOLE_TO;
    int above = ram.slice(HOLE_TO, rest).mismatch(expected.slice(HOLE_TO, rest));
    return above < 0 ? Optional.empty() : Optional.of((long) HOLE_TO + above);
  }
}
