package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Placement;
import java.time.Duration;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Writes what RAM sections hold (qemu-wire.md §3), from the word after a section's header to the
 * word EOS, for as long as the connection lives. One thread uses it, and allocates nothing a page.
 *
 * <p>The guest may run: a page that changes while it is sent arrives torn, and its dirty bit sends
 * it again. Where placement is not inline, and where pages are compressed, no page may be sent
 * twice in one section; that is checked.
 */
public final class RamSectionWriter implements AutoCloseable {
  /** So much that what a put costs does not count, and no more: until then nothing is sent. */
  private static final long RUN_BYTES = 256 << 10;

  private final StreamOutput out;
  private final Channel channel;
  private final Placement placement;
  private final int[] unitBytes;
  private final RamBlock[] blocks;
  private final List<PageEncoding> encodings;
  private final PageEncoding.Encoder[] encoders;
  private final long[] counts;
  private final boolean[] sendsZero;
  private final AtomicLong normalBytes = new AtomicLong();
  private final AtomicLong zeroBytes = new AtomicLong();
  private final PageSink sink;
  private final OutgoingPage page;

  /** The pages of each block that this section has sent; none where that may be repeated. */
  private final BitSet[] sent;

  private boolean hooked;
  private int passes;

  // Pages that follow each other and go together, where they land silently.

  private int runBlock;
  private long runOffset;
  private long runBytes;

  /** The encodings are in order, and the sink is this writer's to close. */
  private RamSectionWriter(
      StreamOutput out,
      Channel channel,
      RamBlocks blocks,
      PageUnits units,
      List<PageEncoding> encodings,
      PageSink sink) {
    this.out = out;
    this.channel = channel;
    this.placement = channel.info().capabilities().placement();
    this.unitBytes = units.of(blocks);
    this.blocks = blocks.all().toArray(RamBlock[]::new);
    this.encodings = encodings;
    this.sink = sink;
    this.page = new OutgoingPage(new BlockNames(blocks), sink);
    this.counts = new long[encodings.size()];
    this.encoders = new PageEncoding.Encoder[encodings.size()];
    this.sendsZero = new boolean[encodings.size()];
    for (int i = 0; i < encoders.length; i++) {
      sendsZero[i] = encodings.get(i).flag() == RamWord.ZERO;
      encoders[i] = encodings.get(i).encoder(units.targetBytes());
    }
    boolean once =
        placement != Placement.INLINE || encodings.stream().anyMatch(PageEncoding::isAppliedLate);
    this.sent = new BitSet[once ? this.blocks.length : 0];
    for (int block = 0; block < sent.length; block++) {
      sent[block] = new BitSet((int) (this.blocks[block].lengthBytes() / unitBytes[block]));
    }
  }

  /**
   * A writer to a channel whose placement is inline.
   *
   * @param out of {@code channel}; both stay the caller's
   * @param blocks in the order of the table
   * @param units in which the blocks travel
   * @param encodings in any order; plain is one of them
   */
  public static RamSectionWriter inline(
      StreamOutput out,
      Channel channel,
      RamBlocks blocks,
      PageUnits units,
      List<PageEncoding> encodings) {
    if (channel.info().capabilities().placement() != Placement.INLINE) {
      throw new IllegalArgumentException("This channel places, which takes registered memory");
    }
    List<PageEncoding> ordered = inOrder(encodings, units);
    return new RamSectionWriter(
        out, channel, blocks, units, ordered, new InlineSink(blocks, units));
  }

  /**
   * A writer to any channel.
   *
   * @param units in which the blocks travel
   * @param regions this side's registrations of {@code blocks}, which stay the caller's
   * @param wait how long the peer may take to make a block known
   */
  public static RamSectionWriter placing(
      StreamOutput out,
      Channel channel,
      RamBlocks blocks,
      PageUnits units,
      List<PageEncoding> encodings,
      RamRegions regions,
      Duration wait)
      throws ChannelException {
    Placement placement = channel.info().capabilities().placement();
    if (placement == Placement.INLINE) {
      return inline(out, channel, blocks, units, encodings);
    }
    List<PageEncoding> ordered = inOrder(encodings, units);
    int stagePages = placement == Placement.SILENT ? 0 : PlacedSink.STAGE_PAGES;
    PageSink sink = new PlacedSink(blocks, units, channel, regions, stagePages, wait);
    return new RamSectionWriter(out, channel, blocks, units, ordered, sink);
  }

  private static List<PageEncoding> inOrder(List<PageEncoding> encodings, PageUnits units) {
    if (units.whole()) {
      List<String> refusals =
          EncodingRules.refusals(encodings, EnumSet.of(PageEncoding.Surroundings.WHOLE_PAGES));
      if (!refusals.isEmpty()) {
        throw new IllegalArgumentException(refusals.getFirst());
      }
    }
    return PageEncodings.inOrder(encodings);
  }

  /**
   * Writes the block table, which belongs into the START section, and hands it over: by it the
   * destination makes room, without which nothing can be placed there.
   */
  public void table(RamTable table) throws ChannelException {
    table.write(out);
    out.flush();
  }

  /**
   * The unit in which pages of a block are sent, in bytes.
   *
   * @param block its number in the guest's list
   */
  public int pageBytes(int block) {
    return unitBytes[block];
  }

  /**
   * Sends one page of the block's unit.
   *
   * @param block its number in the guest's list
   * @param offset where it begins in the block
   */
  public void page(int block, long offset) throws ChannelException {
    RamBlock from = blocks[block];
    int pageBytes = unitBytes[block];
    if (offset < 0 || (offset & (pageBytes - 1)) != 0 || offset >= from.lengthBytes()) {
      throw new IndexOutOfBoundsException("There is no page at " + offset + " of " + from);
    }
    if (sent.length > 0) {
      requireFirst(block, offset);
    }
    if (placement == Placement.SILENT) {
      hook();
      gather(block, offset, pageBytes);
      count(counts.length - 1, pageBytes);
      return;
    }
    page.at(block, from.memory(), offset, pageBytes);
    int took = 0;
    while (!encoders[took].encode(page, out)) {
      took++;
    }
    count(took, pageBytes);
    for (int i = 0; i < encoders.length; i++) {
      if (i != took) {
        encoders[i].tookElsewhere(page);
      }
    }
  }

  /** Adds a page to the run that it goes on, or begins another. */
  private void gather(int block, long offset, int pageBytes) throws ChannelException {
    if (block != runBlock || offset != runOffset + runBytes || runBytes >= RUN_BYTES) {
      sendRun();
      runBlock = block;
      runOffset = offset;
    }
    runBytes += pageBytes;
  }

  private void sendRun() throws ChannelException {
    if (runBytes > 0) {
      long bytes = runBytes;
      runBytes = 0;
      sink.sendLive(out, runBlock, runOffset, bytes);
    }
  }

  /** One thread writes, so that nothing is lost. */
  private void count(int encoding, int pageBytes) {
    counts[encoding]++;
    AtomicLong bytes = sendsZero[encoding] ? zeroBytes : normalBytes;
    bytes.setOpaque(bytes.getPlain() + pageBytes);
  }

  private void requireFirst(int block, long offset) {
    int number = (int) (offset / unitBytes[block]);
    if (sent[block].get(number)) {
      throw new IllegalStateException(
          "Page " + number + " of " + blocks[block] + " was sent in this section already");
    }
    sent[block].set(number);
  }

  /** Where pages land silently, says once a section that from here on they do. */
  private void hook() throws ChannelException {
    if (!hooked) {
      out.u64(RamWord.HOOK);
      out.flush();
      hooked = true;
    }
  }

  /** Writes a mark at which all channels of a migration agree; those have theirs already. */
  public void flushMark() throws ChannelException {
    if (hooked) {
      land(); // the peer waits at the hook, and does not read this before
    }
    out.u64(RamWord.MULTIFD_FLUSH);
    synchronise();
  }

  /** Ends the section's body and returns when the peer has applied all of it, where pages land. */
  public void endSection() throws ChannelException {
    if (placement == Placement.SILENT) {
      hook();
      land();
      out.u64(RamWord.EOS);
      out.flush();
    } else {
      out.u64(RamWord.EOS);
      synchronise();
    }
  }

  /** Returns when all that was placed since the hook has landed. */
  private void land() throws ChannelException {
    sendRun();
    channel.barrier();
    hooked = false;
    forgetSent();
  }

  private void synchronise() throws ChannelException {
    out.flush();
    if (placement != Placement.SILENT) {
      channel.barrier();
      forgetSent();
    }
  }

  private void forgetSent() {
    for (BitSet pages : sent) {
      pages.clear();
    }
  }

  /** Says that all pages which were to be sent have been, and the next pass begins. */
  public void endPass() {
    passes++;
    for (PageEncoding.Encoder encoder : encoders) {
      encoder.passEnded(passes);
    }
  }

  /** Guest memory that was sent in any way but as zero, in bytes; any thread. */
  public long normalBytes() {
    return normalBytes.getOpaque();
  }

  /** Guest memory that was sent as zero, in bytes; any thread. */
  public long zeroBytes() {
    return zeroBytes.getOpaque();
  }

  /** How many pages each encoding took, by its name; xbzrle's include those it had not to send. */
  public Map<String, Long> pages() {
    Map<String, Long> pages = new LinkedHashMap<>();
    for (int i = 0; i < counts.length; i++) {
      pages.put(encodings.get(i).name(), counts[i]);
    }
    return pages;
  }

  @Override
  public void close() throws ChannelException {
    for (PageEncoding.Encoder encoder : encoders) {
      encoder.close();
    }
    sink.close();
  }
}
