package dev.godwit.transport.tls.credentials;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Everything that can be reached in this JVM, in the format hprof. Of it only arrays of bytes and
 * characters are looked at, which is what strings and secrets are in; the filling between objects
 * (arrays of integers) still has the bytes of what was there before.
 */
record HeapDump(Path file) implements AutoCloseable {
  private static final int ID = 8;
  private static final int HEAP_DUMP = 0x0C;
  private static final int HEAP_DUMP_SEGMENT = 0x1C;
  private static final int BYTE = 8;
  private static final int CHAR = 5;

  static HeapDump of(Path file) throws IOException {
    ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
        .dumpHeap(file.toString(), true);
    return new HeapDump(file);
  }

  @Override
  public void close() throws IOException {
    Files.delete(file);
  }

  /** Whether one array has these bytes in it. */
  boolean has(byte[] wanted) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return new Reader(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size()), wanted)
          .found();
    }
  }

  /** Goes through a dump once. */
  private static final class Reader {
    private final ByteBuffer dump;
    private final byte[] wanted;
    private int at;

    Reader(ByteBuffer dump, byte[] wanted) {
      this.dump = dump;
      this.wanted = wanted;
    }

    boolean found() {
      while (oneByte() != 0) {
        // The name of the format.
      }
      at += 4 + 8;
      while (at < dump.limit()) {
        int tag = oneByte();
        at += 4;
        int end = number() + at;
        if ((tag == HEAP_DUMP || tag == HEAP_DUMP_SEGMENT) && foundBefore(end)) {
          return true;
        }
        at = end;
      }
      return false;
    }

    private boolean foundBefore(int end) {
      while (at < end) {
        int tag = oneByte();
        switch (tag) {
          case 0xff, 0x05, 0x07 -> at += ID;
          case 0x01 -> at += 2 * ID;
          case 0x02, 0x03, 0x08 -> at += ID + 8;
          case 0x04, 0x06 -> at += ID + 4;
          case 0x20 -> skipClass();
          case 0x21 -> {
            at += ID + 4 + ID;
            int bytes = number();
            at += bytes;
          }
          case 0x22 -> {
            at += ID + 4;
            int elements = number();
            at += ID + elements * ID;
          }
          case 0x23 -> {
            at += ID + 4;
            int elements = number();
            int type = oneByte();
            int bytes = elements * size(type);
            if ((type == BYTE || type == CHAR) && isIn(bytes, size(type))) {
              return true;
            }
            at += bytes;
          }
          default ->
              throw new AssertionError("A heap dump has a record of an unknown kind: " + tag);
        }
      }
      return false;
    }

    private void skipClass() {
      at += ID + 4 + 6 * ID + 4;
      for (int n = shortNumber(); n > 0; n--) {
        at += 2;
        skipValue();
      }
      for (int n = shortNumber(); n > 0; n--) {
        at += ID;
        skipValue();
      }
      int fields = shortNumber();
      at += fields * (ID + 1);
    }

    private void skipValue() {
      int type = oneByte();
      at += size(type);
    }

    /** Whether the array of {@code bytes} that begins here has what is wanted. */
    private boolean isIn(int bytes, int width) {
      for (int from = at; from <= at + bytes - wanted.length * width; from += width) {
        int matched = 0;
        while (matched < wanted.length
            && (width == 1
                ? dump.get(from + matched) == wanted[matched]
                : dump.getChar(from + 2 * matched) == (wanted[matched] & 0xff))) {
          matched++;
        }
        if (matched == wanted.length) {
          return true;
        }
      }
      return false;
    }

    private int oneByte() {
      int value = dump.get(at) & 0xff;
      at++;
      return value;
    }

    private int shortNumber() {
      int value = dump.getShort(at) & 0xffff;
      at += 2;
      return value;
    }

    private int number() {
      int value = dump.getInt(at);
      at += 4;
      return value;
    }
  }

  private static int size(int type) {
    return switch (type) {
      case 2 -> ID;
      case 4, BYTE -> 1;
      case CHAR, 9 -> 2;
      case 6, 10 -> 4;
      case 7, 11 -> 8;
      default -> throw new AssertionError("A heap dump has an unknown type: " + type);
    };
  }
}
