package dev.godwit.lab.rdma;

import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.QemuMachine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/**
 * Machines in which whatever did not come is found: the source's memory is random but for some of
 * it that is zero, and the destination's is something else before anything comes.
 */
final class JunkMemory {
  private static final int RANDOM_MIB = 16;
  private static final int ZERO_MIB = 2;

  private JunkMemory() {}

  /** A live guest that fills all memory but the last. */
  static QemuMachine source(String type) {
    BootSector guest =
        BootSector.of(RANDOM_MIB, 1).dirtying(2).ticking(20).filled(BootSector.Fill.RANDOM);
    return QemuMachine.of(guest).ofType(type).withMemory(RANDOM_MIB + ZERO_MIB);
  }

  /** The same machine with a copy of a file of junk for memory, which it makes. */
  static QemuMachine destination(QemuMachine source, Path directory, Random random)
      throws IOException {
    Path file = Files.createTempFile(directory, "junk", ".ram");
    byte[] junk = new byte[source.memoryMiB() << 20];
    random.nextBytes(junk);
    Files.write(file, junk);
    return source.with(
        "-object",
        "memory-backend-file,id=pc.ram,share=off,mem-path=" + file + ",size=" + junk.length,
        "-machine",
        "memory-backend=pc.ram");
  }
}
