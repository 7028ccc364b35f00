package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.ChannelException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Steps over what RAM sections hold (qemu-wire.md §3) without any memory to apply it to, and tells
 * of each record; what would need the page's content is not judged. Whatever placement the channel
 * has, only what stands in the stream is seen. It serves one connection from its first RAM section
 * to its last; one thread uses it, and allocates nothing a page.
 */
public final class RamRecordReader {

  /** Is told of each record once it was read; the input stands behind it. */
  public interface Records {
    /**
     * An entry of the block table, before the next one is read: what stands between two entries is
     * this method's to read.
     */
    void entry(RamTable.Entry entry) throws ChannelException, StreamException;

    /** The block table is whole. */
    void table(RamTable table);

    /**
     * A page.
     *
     * @param block its number in the table
     * @param offset in the block, in bytes
     * @param encoding its number in {@link PageEncodings#all}
     */
    void page(int block, long offset, int encoding);

    /**
     * A mark.
     *
     * @param flag {@link RamWord#EOS} or {@link RamWord#MULTIFD_FLUSH}
     */
    void mark(int flag);
  }

  private static final int FLAGS = 1024;
  private static final int NO_ENCODING = -1;
  private static final int NO_BLOCK = -1;

  private final StreamInput in;
  private final RamDialect dialect;
  private final RamTable.Layout layout;
  private final Records records;
  private final PageEncoding[] encodings = PageEncodings.all().toArray(PageEncoding[]::new);

  /** The encoding of each flag. */
  private final int[] encodingOf = new int[FLAGS];

  private Optional<RamTable> table = Optional.empty();
  private BlockNames names = new BlockNames(List.of());
  private long[] lengths = {};
  private int current = NO_BLOCK;

  /**
   * @param in stays the caller's
   * @param layout of the block table, with the target's page size, in which all blocks travel
   */
  public RamRecordReader(
      StreamInput in, RamDialect dialect, RamTable.Layout layout, Records records) {
    if (layout.whole()) {
      throw new IllegalArgumentException("Nobody steps over pages of other sizes");
    }
    this.in = in;
    this.dialect = dialect;
    this.layout = layout;
    this.records = records;
    Arrays.fill(encodingOf, NO_ENCODING);
    for (int i = 0; i < encodings.length; i++) {
      PageEncoding encoding = encodings[i];
      boolean excluded =
          layout.mappedRam()
              && encoding.exclusions().containsKey(PageEncoding.Surroundings.MAPPED_RAM);
      if (encoding.isReadBy(dialect) && !excluded) {
        encodingOf[encoding.flag()] = i;
        encodingOf[encoding.flag() | RamWord.CONTINUE] = i;
      }
    }
  }

  /** Steps over one section's body and its EOS; the footer is the caller's. */
  public void readSection() throws ChannelException, StreamException {
    int flags;
    do {
      long start = in.offset();
      long word = in.u64();
      flags = RamWord.flags(word, layout.pageBytes());
      long address = RamWord.address(word, layout.pageBytes());
      int encoding = flags < FLAGS ? encodingOf[flags] : NO_ENCODING;
      if (encoding != NO_ENCODING) {
        page(start, flags, address, encoding);
      } else if (flags == RamWord.MEM_SIZE) {
        readTable(start, address);
      } else {
        mark(start, flags, address);
      }
    } while (flags != RamWord.EOS);
  }

  private void page(long start, int flags, long address, int encoding)
      throws ChannelException, StreamException {
    if ((flags & RamWord.CONTINUE) == 0) {
      if (table.isEmpty()) {
        throw in.malformed(start, "A page comes before the table of RAM blocks");
      }
      current = names.read(in);
    } else if (current == NO_BLOCK) {
      throw in.malformed(start, "A page continues a RAM block, and none was named before");
    }
    if (Long.compareUnsigned(address, lengths[current]) >= 0) {
      throw in.malformed(
          start,
          "A page is at offset "
              + RamWord.hex(address)
              + " of RAM block "
              + table.orElseThrow().blocks().get(current).name()
              + ", which has "
              + RamWord.hex(lengths[current])
              + " bytes");
    }
    encodings[encoding].skip(in, layout.pageBytes(), dialect);
    records.page(current, address, encoding);
  }

  private void readTable(long start, long totalBytes) throws ChannelException, StreamException {
    if (table.isPresent()) {
      throw in.malformed(start, "The table of RAM blocks comes a second time");
    }
    RamTable read = RamTable.read(in, totalBytes, layout, records::entry);
    names = new BlockNames(read.blocks().stream().map(RamTable.Entry::name).toList());
    lengths = read.blocks().stream().mapToLong(RamTable.Entry::lengthBytes).toArray();
    table = Optional.of(read);
    records.table(read);
  }

  private void mark(long start, int flags, long address) throws StreamException {
    if (flags != RamWord.EOS && !(flags == RamWord.MULTIFD_FLUSH && dialect.hasFlushMarks())) {
      throw in.malformed(
          start, "A record is " + RamWord.names(flags) + ", which does not exist here");
    }
    if (address != 0) {
      throw in.malformed(
          start, "A mark " + RamWord.names(flags) + " has address " + RamWord.hex(address));
    }
    records.mark(flags);
  }
}
