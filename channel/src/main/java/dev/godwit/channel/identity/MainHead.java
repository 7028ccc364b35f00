package dev.godwit.channel.identity;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * What the head of a main stream says before its first page: the machine, whether a return path and
 * postcopy are coming (qemu-wire.md §0 items 1-4, §1.4), and how much memory the guest has (§3.2).
 * It watches a stream that others carry: it never fails, it only stops knowing.
 *
 * <p>Fed by one thread; what it has learnt may be read by any.
 */
public final class MainHead {
  /** A head is some hundred bytes; whatever is longer is left unread. */
  private static final int MAX_HEAD_BYTES = 16 * 1024;

  private static final int MAX_MACHINE_BYTES = 256;
  private static final int CONFIGURATION = 0x07;
  private static final int SECTION_START = 0x01;
  private static final int SUBSECTION = 0x05;
  private static final int COMMAND = 0x08;
  private static final int OPEN_RETURN_PATH = 1;
  private static final int POSTCOPY_ADVISE = 3;
  private static final String RAM = "ram";
  private static final long FLAGS_MASK = 0xFFF;
  private static final long FLAG_MEM_SIZE = 0x004;

  /**
   * The guest's memory as the source announced it.
   *
   * @param totalBytes of all RAM blocks, ROMs among them
   * @param firstBlock the name of the first block, which is the largest
   * @param firstBlockBytes its length
   */
  public record Ram(long totalBytes, String firstBlock, long firstBlockBytes) {}

  private ByteBuffer head = ByteBuffer.allocate(512).limit(0);
  private volatile boolean complete;
  private volatile String machine = "";
  private volatile boolean returnPath;
  private volatile boolean postcopy;
  private volatile Optional<Ram> ram = Optional.empty();

  /**
   * A head that is known to have been sent on an earlier connection: a postcopy recovery, which has
   * the return path open.
   */
  public static MainHead ofRecovery() {
    MainHead head = new MainHead();
    head.returnPath = true;
    head.postcopy = true;
    head.complete = true;
    return head;
  }

  /** Whether nothing more will be learnt. */
  public boolean isComplete() {
    return complete;
  }

  /** The machine type, once known. */
  public Optional<String> machine() {
    return machine.isEmpty() ? Optional.empty() : Optional.of(machine);
  }

  /** Whether the source has opened the return path. */
  public boolean returnPath() {
    return returnPath;
  }

  /** Whether the source has announced postcopy, and so may open a silent preempt channel. */
  public boolean postcopy() {
    return postcopy;
  }

  /** The guest's memory, once known; never known of a stream that does not begin with it. */
  public Optional<Ram> ram() {
    return ram;
  }

  /** Looks at the next bytes of the stream; their position does not move. */
  public void see(ByteBuffer bytes) {
    if (complete) {
      return;
    }
    int used = head.limit();
    int part = Math.min(bytes.remaining(), MAX_HEAD_BYTES - used);
    if (used + part > head.capacity()) {
      head = ByteBuffer.allocate(Math.min(MAX_HEAD_BYTES, 2 * (used + part))).put(0, head, 0, used);
    }
    head.limit(used + part);
    head.put(used, bytes, bytes.position(), part);
    complete = parse(head.duplicate().position(0)) || head.limit() == MAX_HEAD_BYTES;
    if (complete) {
      head = ByteBuffer.allocate(0);
    }
  }

  /** Reads as far as there are bytes; true once the head's end was reached. */
  private boolean parse(ByteBuffer in) {
    if (in.remaining() < 9) {
      return false;
    }
    in.position(8);
    if (in.get(8) == CONFIGURATION) {
      if (in.remaining() < 5) {
        return false;
      }
      in.get();
      int length = in.getInt();
      if (length < 0 || length > MAX_MACHINE_BYTES) {
        return true;
      }
      if (in.remaining() < length) {
        return false;
      }
      machine = name(in, length);
    }
    while (in.hasRemaining()) {
      switch (in.get()) {
        case SUBSECTION -> {
          if (!skipSubsection(in)) {
            return false;
          }
        }
        case COMMAND -> {
          if (in.remaining() < 4) {
            return false;
          }
          int command = in.getShort() & 0xFFFF;
          int length = in.getShort() & 0xFFFF;
          returnPath |= command == OPEN_RETURN_PATH;
          postcopy |= command == POSTCOPY_ADVISE;
          if (in.remaining() < length) {
            return false;
          }
          in.position(in.position() + length);
        }
        case SECTION_START -> {
          return parseRam(in);
        }
        default -> {
          return true;
        }
      }
    }
    return false;
  }

  /** Reads the first entry of the block table; true once it was read, or is none. */
  private boolean parseRam(ByteBuffer in) {
    if (in.remaining() < 5) {
      return false;
    }
    in.getInt();
    int sectionLength = in.get() & 0xFF;
    if (in.remaining() < sectionLength + 8 + 8 + 1) {
      return false;
    }
    boolean other = !name(in, sectionLength).equals(RAM);
    in.getLong();
    long word = in.getLong();
    if (other || (word & FLAGS_MASK) != FLAG_MEM_SIZE) {
      return true;
    }
    int blockLength = in.get() & 0xFF;
    if (in.remaining() < blockLength + 8) {
      return false;
    }
    String block = name(in, blockLength);
    ram = Optional.of(new Ram(word & ~FLAGS_MASK, block, in.getLong()));
    return true;
  }

  private static String name(ByteBuffer in, int length) {
    byte[] name = new byte[length];
    in.get(name);
    return new String(name, StandardCharsets.US_ASCII);
  }

  /**
   * Steps over one of the three known subsections of the configuration; false if it is not all
   * there, or is none of them.
   */
  private static boolean skipSubsection(ByteBuffer in) {
    if (!in.hasRemaining()) {
      return false;
    }
    int nameLength = in.get() & 0xFF;
    if (in.remaining() < nameLength + 4) {
      return false;
    }
    String name = name(in, nameLength);
    in.getInt();
    return switch (name) {
      case "configuration/target-page-bits" -> skip(in, 4);
      case "configuration/uuid" -> skip(in, 16);
      case "configuration/capabilities" -> skipNames(in);
      default -> false;
    };
  }

  private static boolean skipNames(ByteBuffer in) {
    if (in.remaining() < 4) {
      return false;
    }
    int count = in.getInt();
    for (int i = 0; i < count; i++) {
      if (!in.hasRemaining() || !skip(in, in.get() & 0xFF)) {
        return false;
      }
    }
    return true;
  }

  private static boolean skip(ByteBuffer in, int bytes) {
    if (in.remaining() < bytes) {
      return false;
    }
    in.position(in.position() + bytes);
    return true;
  }
}
