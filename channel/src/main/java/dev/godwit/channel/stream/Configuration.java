package dev.godwit.channel.stream;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.godwit.transport.ChannelException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;

/**
 * What the source's machine is and must be at the destination as well (qemu-wire.md §1.4).
 *
 * <pre>
 *   0    u8   0x07
 *   1    u32  N
 *   5    N    machine type
 *   5+N       subsections, each of them or not, in this order:
 *             05 cstr8 "configuration/target-page-bits" u32 1   u32 bits
 *             05 cstr8 "configuration/capabilities"     u32 1   u32 n, n x cstr8 name
 *             05 cstr8 "configuration/uuid"             u32 1   16 bytes, as printed
 * </pre>
 *
 * @param machine canonical and versioned, such as {@code pc-i440fx-7.2}; 1 to 256 bytes
 * @param targetPageBits where the target's page is larger than its smallest possible one
 * @param capabilities that both sides must agree on, present where one is on; up to 64
 * @param uuid of the guest, where the source has it checked
 */
public record Configuration(
    String machine,
    OptionalInt targetPageBits,
    Optional<List<String>> capabilities,
    Optional<UUID> uuid)
    implements StreamItem {

  /** In {@link #capabilities} where the table of RAM blocks says where each one's pages are. */
  public static final String MAPPED_RAM = "mapped-ram";

  /** In {@link #capabilities} where the memory that both sides share is not in the stream. */
  public static final String IGNORE_SHARED = "x-ignore-shared";

  /**
   * Godwit's own, in {@link #capabilities} where the source gives the guest up only after the
   * destination has said that it has the whole of it.
   */
  public static final String HANDOVER = "x-godwit-handover";

  /**
   * Godwit's own, in {@link #capabilities} where each block's memory travels in pages of the
   * block's own size, which the table of RAM blocks tells.
   */
  public static final String WHOLE_PAGES = "x-godwit-whole-pages";

  /** Of x86, and of every other target that does not say another. */
  private static final int USUAL_PAGE_BITS = 12;

  private static final int MAX_MACHINE_BYTES = 256;
  private static final int MAX_CAPABILITIES = 64;

  /** RAM flags take the ten bits below the smallest page there is; 1 MiB is beyond the largest. */
  private static final int MIN_PAGE_BITS = 10;

  private static final int MAX_PAGE_BITS = 20;

  private static final String PREFIX = "configuration/";
  private static final String PAGE_BITS = PREFIX + "target-page-bits";
  private static final String CAPABILITIES = PREFIX + "capabilities";
  private static final String UUID_NAME = PREFIX + "uuid";

  /** In the order in which they are sent. */
  private static final List<String> SUBSECTIONS = List.of(PAGE_BITS, CAPABILITIES, UUID_NAME);

  private static final long SUBSECTION_VERSION = 1;

  public Configuration {
    if (machine.isEmpty() || machine.length() > MAX_MACHINE_BYTES) {
      throw new IllegalArgumentException("A machine's name has 1 to 256 bytes: " + machine);
    }
    capabilities = capabilities.map(List::copyOf);
  }

  /** The target's page size; that of a stream without a configuration is the usual one. */
  public static int pageBytes(Optional<Configuration> configuration) {
    return 1
        << configuration.map(c -> c.targetPageBits.orElse(USUAL_PAGE_BITS)).orElse(USUAL_PAGE_BITS);
  }

  /** Whether both sides must have that capability on. */
  public static boolean demands(Optional<Configuration> configuration, String capability) {
    return configuration
        .flatMap(Configuration::capabilities)
        .orElse(List.of())
        .contains(capability);
  }

  /** A configuration without subsections. */
  public static Configuration of(String machine) {
    return new Configuration(machine, OptionalInt.empty(), Optional.empty(), Optional.empty());
  }

  public static Configuration read(StreamInput in) throws ChannelException, StreamException {
    long start = in.offset();
    int type = in.u8();
    if (type != TypeByte.CONFIGURATION) {
      throw in.malformed(start, "A configuration begins with 0x07, not with " + type);
    }
    String machine = readMachine(in);
    OptionalInt pageBits = OptionalInt.empty();
    Optional<List<String>> capabilities = Optional.empty();
    Optional<UUID> uuid = Optional.empty();
    int last = -1;
    while (in.peek() == TypeByte.SUBSECTION) {
      last = readSubsectionHead(in, last);
      switch (SUBSECTIONS.get(last)) {
        case PAGE_BITS -> pageBits = OptionalInt.of(readPageBits(in));
        case CAPABILITIES -> capabilities = Optional.of(readCapabilities(in));
        default -> uuid = Optional.of(new UUID(in.u64(), in.u64()));
      }
    }
    return new Configuration(machine, pageBits, capabilities, uuid);
  }

  private static String readMachine(StreamInput in) throws ChannelException, StreamException {
    long start = in.offset();
    long length = in.u32();
    if (length == 0 || length > MAX_MACHINE_BYTES) {
      throw in.malformed(start, "The machine's name cannot have " + length + " bytes");
    }
    return in.text((int) length);
  }

  /**
   * Reads up to the body.
   *
   * @param last index of the subsection before, or -1
   * @return index of this one
   */
  private static int readSubsectionHead(StreamInput in, int last)
      throws ChannelException, StreamException {
    long start = in.offset();
    in.skip(1);
    String name = in.name("name of a subsection");
    int index = SUBSECTIONS.indexOf(name);
    if (index < 0) {
      throw name.startsWith(PREFIX)
          ? in.unsupported(start, "The configuration has an unknown subsection " + name)
          : in.malformed(start, "The configuration has a subsection of something else: " + name);
    }
    if (index <= last) {
      throw in.malformed(start, "Subsection " + name + " comes too late, or twice");
    }
    long versionAt = in.offset();
    long version = in.u32();
    if (version != SUBSECTION_VERSION) {
      throw in.unsupported(versionAt, "Subsection " + name + " has the version " + version);
    }
    return index;
  }

  private static int readPageBits(StreamInput in) throws ChannelException, StreamException {
    long start = in.offset();
    long bits = in.u32();
    if (bits < MIN_PAGE_BITS || bits > MAX_PAGE_BITS) {
      throw in.malformed(start, "A page's offset cannot have " + bits + " bits");
    }
    return (int) bits;
  }

  private static List<String> readCapabilities(StreamInput in)
      throws ChannelException, StreamException {
    long start = in.offset();
    long count = in.u32();
    if (count > MAX_CAPABILITIES) {
      throw in.malformed(
          start, count + " capabilities are more than the " + MAX_CAPABILITIES + " there can be");
    }
    List<String> names = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      names.add(in.name("name of a capability"));
    }
    return names;
  }

  @Override
  public void write(StreamOutput out) throws ChannelException {
    out.u8(TypeByte.CONFIGURATION);
    out.u32(machine.length());
    out.bytes(machine.getBytes(ISO_8859_1));
    if (targetPageBits.isPresent()) {
      writeSubsectionHead(out, PAGE_BITS);
      out.u32(targetPageBits.getAsInt());
    }
    if (capabilities.isPresent()) {
      writeSubsectionHead(out, CAPABILITIES);
      out.u32(capabilities.get().size());
      for (String name : capabilities.get()) {
        out.name(name);
      }
    }
    if (uuid.isPresent()) {
      writeSubsectionHead(out, UUID_NAME);
      out.u64(uuid.get().getMostSignificantBits());
      out.u64(uuid.get().getLeastSignificantBits());
    }
  }

  private static void writeSubsectionHead(StreamOutput out, String name) throws ChannelException {
    out.u8(TypeByte.SUBSECTION);
    out.name(name);
    out.u32(SUBSECTION_VERSION);
  }
}
