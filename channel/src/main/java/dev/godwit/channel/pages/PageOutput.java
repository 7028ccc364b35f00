package dev.godwit.channel.pages;

import dev.godwit.channel.multifd.Dialect;
import dev.godwit.channel.multifd.MultifdSender;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamSectionWriter;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.ram.ZeroPages;
import java.io.IOException;

/**
 * Where the memory of a source goes: what stands in the RAM sections of the main channel, and
 * beside it. The sections' headers and footers are the caller's.
 *
 * <pre>
 *   START: begin ──► PART: page*, endPass ──► ... ──► END: page*, end
 * </pre>
 *
 * <p>One thread uses it. Pages may change while they are sent, and arrive torn then; no page is
 * handed over twice between two ends of sections. What it was made with stays the caller's.
 */
public sealed interface PageOutput {

  /** Writes what the START section holds. */
  void begin(RamTable table) throws IOException;

  /**
   * The unit in which pages of a block are handed over, in bytes.
   *
   * @param block its number in the table
   */
  int pageBytes(int block);

  /**
   * Hands over one page; whether it is zero is found out here, or by the channel that takes it.
   *
   * @param block its number in the table
   * @param offset in the block, of a whole page
   */
  void page(int block, long offset) throws IOException;

  /**
   * Ends what a PART section holds, with a mark and a barrier on every channel: no page is read
   * from memory any more, and each may be handed over again.
   */
  void endPass() throws IOException;

  /**
   * Ends what the END section holds. All pages are with the peer, or on their way in order, and the
   * channels beside the main one end.
   */
  void end() throws IOException;

  /** Guest memory that went as it is, or compressed, so far; in bytes. Any thread. */
  long normalBytes();

  /** Guest memory that went as a mark that it is zero, so far; in bytes. Any thread. */
  long zeroBytes();

  /** All pages are records of the main channel. */
  final class Recorded implements PageOutput {
    private final RamSectionWriter ram;

    public Recorded(RamSectionWriter ram) {
      this.ram = ram;
    }

    @Override
    public void begin(RamTable table) throws IOException {
      ram.table(table);
      ram.endSection();
    }

    @Override
    public int pageBytes(int block) {
      return ram.pageBytes(block);
    }

    @Override
    public void page(int block, long offset) throws IOException {
      ram.page(block, offset);
    }

    @Override
    public void endPass() throws IOException {
      ram.endSection();
      ram.endPass();
    }

    @Override
    public void end() throws IOException {
      ram.endSection();
    }

    @Override
    public long normalBytes() {
      return ram.normalBytes();
    }

    @Override
    public long zeroBytes() {
      return ram.zeroBytes();
    }
  }

  /** Pages go over multifd channels; the main channel has the marks, and zero pages of old. */
  final class Multifd implements PageOutput {
    private final RamBlock[] blocks;
    private final RamSectionWriter ram;
    private final MultifdSender sender;
    private final MultifdSettings settings;
    private final boolean zeroPagesOnMain;
    private boolean unmarked;

    /**
     * @param blocks in the order of the table
     * @param ram of the main channel, with the settings' page size
     * @param sender with all its channels
     * @param zeroPagesOnMain whether zero pages are looked for here, and are records of the main
     *     channel; not together with those in packets
     */
    public Multifd(
        RamBlocks blocks,
        RamSectionWriter ram,
        MultifdSender sender,
        MultifdSettings settings,
        boolean zeroPagesOnMain) {
      this.blocks = blocks.all().toArray(RamBlock[]::new);
      this.ram = ram;
      this.sender = sender;
      this.settings = settings;
      this.zeroPagesOnMain = zeroPagesOnMain;
    }

    @Override
    public void begin(RamTable table) throws IOException {
      ram.table(table);
      mark();
      ram.endSection();
    }

    @Override
    public int pageBytes(int block) {
      return ram.pageBytes(block);
    }

    @Override
    public void page(int block, long offset) throws IOException {
      if (zeroPagesOnMain && ZeroPages.isZero(blocks[block].memory(), offset, pageBytes(block))) {
        ram.page(block, offset);
      } else {
        unmarked = true;
        sender.send(blocks[block], offset);
      }
    }

    @Override
    public void endPass() throws IOException {
      mark();
      ram.endSection();
      ram.endPass();
    }

    @Override
    public void end() throws IOException {
      if (settings.dialect() == Dialect.V7_2 || unmarked) {
        mark();
      }
      ram.endSection();
      sender.finish();
    }

    /** The channels say SYNC, and the main channel its mark, which is the next EOS in 7.2. */
    private void mark() throws IOException {
      sender.sync();
      unmarked = false;
      if (settings.dialect() == Dialect.V10_0) {
        ram.flushMark();
      }
    }

    @Override
    public long normalBytes() {
      return sender.normalBytes() + ram.normalBytes();
    }

    @Override
    public long zeroBytes() {
      return sender.zeroBytes() + ram.zeroBytes();
    }
  }
}
