package dev.godwit.lab.guest;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** All physical memory of a stopped guest, as its QEMU saved it. */
record Memory(Path file, ByteBuffer bytes) {
  static Memory save(TestQmp qmp, Path directory, BootSector guest)
      throws IOException, InterruptedException {
    Path file = directory.resolve("memory.bin");
    qmp.execute(
        "pmemsave",
        "{'val':0,'size':%d,'filename':'%s'}"
            .formatted((long) guest.memoryMiB() << 20, file.toAbsolutePath()));
    return new Memory(
        file, ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN));
  }

  int word(long address) {
    return bytes.getInt((int) address);
  }

  long size() {
    return bytes.capacity();
  }
}
