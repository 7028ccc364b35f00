package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The block table in the START section of RAM (qemu-wire.md §3.2): what memory there is, before any
 * of it.
 *
 * <pre>
 * +--------------------------+
 * | u64 total bytes|MEM_SIZE |
 * +--------------------------+---------+-------------+---------------+-----------------+
 * | cstr8 name | u64 length  |         | u64 page    | u64 guest     | 28 bytes        |  once a
 * |            |             |         |     bytes ? |     address ? | mapped-ram ?    |  block
 * +------------+-------------+---------+-------------+---------------+-----------------+
 * </pre>
 *
 * No count is written: the lengths sum to the total. Which of the optional fields follow is said
 * nowhere either; both sides have to be set up alike ({@link Layout}).
 *
 * @param blocks at least one, with names of their own
 */
public record RamTable(List<Entry> blocks) {
  /** A machine has some ten blocks, hundreds where memory is plugged; more is not believed. */
  private static final int MAX_BLOCKS = 4096;

  public RamTable {
    blocks = List.copyOf(blocks);
    if (blocks.isEmpty() || blocks.size() > MAX_BLOCKS) {
      throw new IllegalArgumentException(
          "A block table has 1 to " + MAX_BLOCKS + " blocks, not " + blocks.size());
    }
    if (blocks.stream().map(Entry::name).distinct().count() != blocks.size()) {
      throw new IllegalArgumentException("A block table names no block twice");
    }
  }

  /**
   * What follows each block's length.
   *
   * @param pageBytes the target's page size
   * @param pageSizeFollows whether the page size of a block of that name is told: where postcopy
   *     was advised, for blocks of huge pages
   * @param addressFollows whether the guest address is told: with {@code x-ignore-shared}
   * @param mappedRam whether a {@link MappedRamHeader} is there
   * @param whole whether each block travels in pages of its own size, which is told of every block
   */
  public record Layout(
      int pageBytes,
      Predicate<String> pageSizeFollows,
      boolean addressFollows,
      boolean mappedRam,
      boolean whole) {

    /** Names and lengths alone. */
    public static Layout plain(int pageBytes) {
      return new Layout(pageBytes, name -> false, false, false, false);
    }

    /** Names, lengths and the page size of each block, in which it travels. */
    public static Layout whole(int pageBytes) {
      return new Layout(pageBytes, name -> true, false, false, true);
    }

    /** In which units the blocks travel. */
    PageUnits units() {
      return new PageUnits(pageBytes, whole);
    }

    private boolean tellsPageSize(String name) {
      return whole || pageSizeFollows.test(name);
    }
  }

  /**
   * One block.
   *
   * @param lengthBytes a whole number of pages
   * @param pageBytes of a page, where told
   * @param guestAddress where the guest sees it, where told; 0 if at no fixed place
   */
  public record Entry(
      String name,
      long lengthBytes,
      OptionalLong pageBytes,
      OptionalLong guestAddress,
      Optional<MappedRamHeader> mappedRam) {

    public Entry(String name, long lengthBytes) {
      this(name, lengthBytes, OptionalLong.empty(), OptionalLong.empty(), Optional.empty());
    }

    /**
     * Reads one block's entry.
     *
     * @param leftBytes what is left of the table's total, and so the longest that this may be
     */
    public static Entry read(StreamInput in, Layout layout, long leftBytes)
        throws ChannelException, StreamException {
      String name = in.name("name of a RAM block");
      long start = in.offset();
      long length = in.u64();
      if (length <= 0 || length > leftBytes) {
        throw in.malformed(
            start,
            "RAM block "
                + name
                + " has "
                + Long.toUnsignedString(length)
                + " bytes where the table has "
                + leftBytes
                + " left");
      }
      if (length % layout.pageBytes != 0) {
        throw in.malformed(
            start,
            "RAM block " + name + " has " + length + " bytes, which is no whole number of pages");
      }
      OptionalLong pageBytes =
          layout.tellsPageSize(name)
              ? OptionalLong.of(pageSize(in, layout, name, length))
              : OptionalLong.empty();
      OptionalLong address =
          layout.addressFollows ? OptionalLong.of(in.u64()) : OptionalLong.empty();
      Optional<MappedRamHeader> mapped =
          layout.mappedRam
              ? Optional.of(MappedRamHeader.read(in, layout.pageBytes, length))
              : Optional.empty();
      return new Entry(name, length, pageBytes, address, mapped);
    }

    private static long pageSize(StreamInput in, Layout layout, String name, long length)
        throws ChannelException, StreamException {
      long start = in.offset();
      long pageBytes = in.u64();
      boolean fits = pageBytes > 0 && Long.bitCount(pageBytes) == 1 && length % pageBytes == 0;
      boolean travels = pageBytes >= layout.pageBytes && pageBytes <= PageUnits.MAX_BYTES;
      if (!fits || (layout.whole && !travels)) {
        throw in.malformed(
            start,
            "RAM block "
                + name
                + " of "
                + length
                + " bytes cannot have pages of "
                + Long.toUnsignedString(pageBytes)
                + " bytes");
      }
      return pageBytes;
    }

    public void write(StreamOutput out) throws ChannelException {
      out.name(name);
      out.u64(lengthBytes);
      if (pageBytes.isPresent()) {
        out.u64(pageBytes.getAsLong());
      }
      if (guestAddress.isPresent()) {
        out.u64(guestAddress.getAsLong());
      }
      if (mappedRam.isPresent()) {
        mappedRam.get().write(out);
      }
    }
  }

  /** What is done after each entry was read, where something stands between them. */
  @FunctionalInterface
  public interface AfterEntry {
    void read(Entry entry) throws ChannelException, StreamException;
  }

  /** The table of {@code blocks}, with names and lengths alone. */
  public static RamTable of(RamBlocks blocks) {
    return new RamTable(
        blocks.all().stream().map(block -> new Entry(block.name(), block.lengthBytes())).toList());
  }

  /** The table of {@code blocks} that travel in pages of their own size. */
  public static RamTable whole(RamBlocks blocks) {
    return new RamTable(
        blocks.all().stream()
            .map(
                block ->
                    new Entry(
                        block.name(),
                        block.lengthBytes(),
                        OptionalLong.of(block.pageBytes()),
                        OptionalLong.empty(),
                        Optional.empty()))
            .toList());
  }

  /**
   * Reads what follows the word.
   *
   * @param totalBytes the address of the word
   * @param after called with each entry, before the next one is read
   */
  public static RamTable read(StreamInput in, long totalBytes, Layout layout, AfterEntry after)
      throws ChannelException, StreamException {
    if (totalBytes <= 0) {
      throw in.malformed(
          in.offset() - Long.BYTES,
          "A guest cannot have " + Long.toUnsignedString(totalBytes) + " bytes of RAM");
    }
    List<Entry> blocks = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (long left = totalBytes; left > 0; ) {
      long start = in.offset();
      if (blocks.size() == MAX_BLOCKS) {
        throw in.unsupported(start, "The guest has more than " + MAX_BLOCKS + " RAM blocks");
      }
      Entry entry = Entry.read(in, layout, left);
      if (!names.add(entry.name)) {
        throw in.malformed(start, "The table names RAM block " + entry.name + " twice");
      }
      blocks.add(entry);
      left -= entry.lengthBytes;
      after.read(entry);
    }
    return new RamTable(blocks);
  }

  public void write(StreamOutput out) throws ChannelException {
    out.u64(totalBytes() | RamWord.MEM_SIZE);
    for (Entry entry : blocks) {
      entry.write(out);
    }
  }

  public long totalBytes() {
    return blocks.stream().mapToLong(Entry::lengthBytes).sum();
  }

  /**
   * Passes if {@code here} are these blocks: the same names and lengths, and the same huge pages
   * where told.
   *
   * @param offset of the table's word
   */
  public void requireFits(RamBlocks here, StreamInput in, long offset) throws StreamException {
    for (Entry entry : blocks) {
      Optional<RamBlock> ours = here.named(entry.name);
      if (ours.isEmpty()) {
        throw in.mismatched(
            offset, "The source has a RAM block " + entry.name + ", which is not here");
      }
      if (ours.get().lengthBytes() != entry.lengthBytes) {
        throw in.mismatched(
            offset,
            "RAM block "
                + entry.name
                + " has "
                + entry.lengthBytes
                + " bytes at the source and "
                + ours.get().lengthBytes()
                + " here");
      }
      if (entry.pageBytes.isPresent() && entry.pageBytes.getAsLong() != ours.get().pageBytes()) {
        throw in.mismatched(
            offset,
            "RAM block "
                + entry.name
                + " has pages of "
                + entry.pageBytes.getAsLong()
                + " bytes at the source and "
                + ours.get().pageBytes()
                + " here");
      }
    }
    if (here.all().size() != blocks.size()) {
      String missing =
          here.all().stream()
              .map(RamBlock::name)
              .filter(name -> blocks.stream().noneMatch(entry -> entry.name.equals(name)))
              .findFirst()
              .orElseThrow();
      throw in.mismatched(offset, "The source lacks RAM block " + missing + ", which is here");
    }
  }
}
