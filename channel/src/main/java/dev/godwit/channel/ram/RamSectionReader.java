package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Region;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Reads what RAM sections hold (qemu-wire.md §3) and applies it to memory, from the word after a
 * section's header to the word EOS, for as long as the connection lives: which block a page
 * continues is not forgotten between sections. One thread uses it, and allocates nothing a page.
 *
 * <p>After a failure some memory has changed and nobody can say which: the guest is given up.
 */
public final class RamSectionReader implements AutoCloseable {

  /** What is done at the marks by which several channels agree (qemu-wire.md §4.6). */
  public interface Marks {
    /** A flush mark, at {@code offset}; what this channel carried before has been applied. */
    void flush(long offset) throws ChannelException, StreamException;

    /** The end of a section, at {@code offset}; what this channel carried has been applied. */
    void end(long offset) throws ChannelException, StreamException;

    /** With one channel there is nobody to agree with. */
    Marks NONE =
        new Marks() {
          @Override
          public void flush(long offset) {}

          @Override
          public void end(long offset) {}
        };
  }

  private static final int FLAGS = 1024;
  private static final int NO_ENCODING = -1;
  private static final int NO_BLOCK = -1;

  private final StreamInput in;
  private final Channel channel;
  private final Placement placement;
  private final RamDialect dialect;
  private final RamTable.Layout layout;
  private final RamDestination destination;
  private final Marks marks;

  private final PageEncoding.Decoder[] decoders;
  private final long[] counts;

  /** The decoder of each flag. */
  private final int[] encodingOf = new int[FLAGS];

  private final IncomingPage page = new IncomingPage();
  private Optional<RamTable> table = Optional.empty();
  private RamBlock[] blocks = {};
  private int[] unitBytes = {};
  private final List<Optional<Region>> placedIn = new ArrayList<>();
  private BlockNames names = new BlockNames(new RamBlocks(List.of()));
  private int current = NO_BLOCK;
  private long currentBytes;

  /**
   * @param in of {@code channel}; both stay the caller's
   * @param layout of the block table, with the target's page size
   */
  public RamSectionReader(
      StreamInput in,
      Channel channel,
      RamDialect dialect,
      RamTable.Layout layout,
      RamDestination destination,
      Marks marks) {
    this.in = in;
    this.channel = channel;
    this.placement = channel.info().capabilities().placement();
    this.dialect = dialect;
    this.layout = layout;
    this.destination = destination;
    this.marks = marks;
    List<PageEncoding> encodings = PageEncodings.all();
    decoders = new PageEncoding.Decoder[encodings.size()];
    counts = new long[encodings.size()];
    Arrays.fill(encodingOf, NO_ENCODING);
    for (int i = 0; i < decoders.length; i++) {
      PageEncoding encoding = encodings.get(i);
      decoders[i] = encoding.decoder(layout.pageBytes(), dialect);
      boolean excluded =
          layout.whole()
              && encoding.exclusions().containsKey(PageEncoding.Surroundings.WHOLE_PAGES);
      if (encoding.isReadBy(dialect) && !excluded) {
        encodingOf[encoding.flag()] = i;
        encodingOf[encoding.flag() | RamWord.CONTINUE] = i;
      }
    }
  }

  /** The block table, once it has been read. */
  public Optional<RamTable> table() {
    return table;
  }

  /** The memory, in the table's order, once the table has been read. */
  public Optional<RamBlocks> blocks() {
    return table.isPresent() ? Optional.of(new RamBlocks(List.of(blocks))) : Optional.empty();
  }

  /** How many pages came in each encoding, by its name. */
  public Map<String, Long> pages() {
    Map<String, Long> pages = new LinkedHashMap<>();
    for (int i = 0; i < counts.length; i++) {
      pages.put(PageEncodings.all().get(i).name(), counts[i]);
    }
    return pages;
  }

  /** Reads one section's body and its EOS; the footer is the caller's. */
  public void readSection() throws ChannelException, StreamException {
    int flags;
    do {
      long start = in.offset();
      long word = in.u64();
      flags = RamWord.flags(word, layout.pageBytes());
      long address = RamWord.address(word, layout.pageBytes());
      int encoding = flags < FLAGS ? encodingOf[flags] : NO_ENCODING;
      if (encoding == NO_ENCODING) {
        mark(start, flags, address);
      } else {
        turnToBlock(start, flags);
        if (Long.compareUnsigned(address, currentBytes) >= 0
            || (address & (page.pageBytes() - 1)) != 0) {
          throw illegalOffset(start, address);
        }
        page.at(address);
        decoders[encoding].decode(in, page);
        counts[encoding]++;
      }
    } while (flags != RamWord.EOS);
  }

  private void turnToBlock(long start, int flags) throws ChannelException, StreamException {
    if ((flags & RamWord.CONTINUE) != 0) {
      if (current == NO_BLOCK) {
        throw in.malformed(start, "A page continues a RAM block, and none was named before");
      }
      return;
    }
    if (table.isEmpty()) {
      throw in.malformed(start, "A page comes before the table of RAM blocks");
    }
    current = names.read(in);
    currentBytes = blocks[current].lengthBytes();
    page.block(blocks[current].memory(), placedIn.get(current), unitBytes[current]);
  }

  private StreamException illegalOffset(long start, long address) {
    return in.malformed(
        start,
        "A page is at offset "
            + RamWord.hex(address)
            + " of RAM block "
            + blocks[current].name()
            + ", which has "
            + RamWord.hex(currentBytes)
            + " bytes in pages of "
            + RamWord.hex(page.pageBytes()));
  }

  private void mark(long start, int flags, long address) throws ChannelException, StreamException {
    if (flags == RamWord.MEM_SIZE) {
      readTable(start, address);
      return;
    }
    boolean known =
        flags == RamWord.EOS
            || (flags == RamWord.MULTIFD_FLUSH && dialect.hasFlushMarks())
            || (flags == RamWord.HOOK && placement == Placement.SILENT);
    if (!known) {
      throw in.malformed(
          start, "A record is " + RamWord.names(flags) + ", which does not exist here");
    }
    if (address != 0) {
      throw in.malformed(
          start, "A mark " + RamWord.names(flags) + " has address " + RamWord.hex(address));
    }
    if (placement != Placement.SILENT || flags == RamWord.HOOK) {
      channel.barrier();
    }
    if (flags == RamWord.EOS) {
      marks.end(start);
    } else if (flags == RamWord.MULTIFD_FLUSH) {
      marks.flush(start);
    }
  }

  private void readTable(long start, long totalBytes) throws ChannelException, StreamException {
    if (table.isPresent()) {
      throw in.malformed(start, "The table of RAM blocks comes a second time");
    }
    RamTable read = RamTable.read(in, totalBytes, layout, entry -> destination.entry(entry, in));
    RamBlocks here = destination.blocks(read, in, start);
    read.requireFits(here, in, start);
    for (RamBlock block : here.all()) {
      boolean placed = placement == Placement.RECORDED;
      placedIn.add(placed ? Optional.of(destination.region(block)) : Optional.empty());
    }
    blocks = here.all().toArray(RamBlock[]::new);
    unitBytes = layout.units().of(here);
    names = new BlockNames(here);
    table = Optional.of(read);
  }

  @Override
  public void close() {
    for (PageEncoding.Decoder decoder : decoders) {
      decoder.close();
    }
  }
}
