package dev.godwit.channel.inspect;

import dev.godwit.channel.ram.MappedRamHeader;
import dev.godwit.channel.ram.RamTable;
import java.util.List;
import java.util.Optional;

/**
 * The memory of a guest in a main stream.
 *
 * <p><b>Rounds.</b> A source goes through its RAM blocks in the table's order and through each from
 * its beginning, sends what is dirty, and begins again. The stream does not say where. A round here
 * is a longest run of page records that go forward: the next one begins with a record at or before
 * the place of the last one. So a page that is sent again begins a round, and rounds are as many as
 * the passes that sent pages through this channel, where the source keeps to that order. It does
 * not in postcopy, where the destination asks for pages, in a background snapshot, where the
 * running guest decides, and with compressed pages, which come as they are done: rounds end with
 * the switch to postcopy, and are not told of the other two. Pages on multifd channels are in no
 * round; what there is of passes then are {@code flushMarks}.
 *
 * @param table of the blocks, as it came
 * @param blocks in the table's order
 * @param pages of all blocks by encoding, in all records of this stream
 * @param rounds the first ones
 * @param furtherRounds how many more there were
 * @param flushMarks of multifd: one in the START section, then one each pass; 0 in older streams
 * @param snapshot whether there was no END section, as in a background snapshot
 */
public record RamReport(
    RamTable table,
    List<Block> blocks,
    List<PageCount> pages,
    List<Round> rounds,
    long furtherRounds,
    long flushMarks,
    boolean snapshot) {

  public RamReport {
    blocks = List.copyOf(blocks);
    pages = List.copyOf(pages);
    rounds = List.copyOf(rounds);
  }

  /**
   * One block.
   *
   * @param pages that came in records
   * @param mapped where its pages are, in a mapped-ram file
   */
  public record Block(RamTable.Entry entry, List<PageCount> pages, Optional<Mapped> mapped) {
    public Block {
      pages = List.copyOf(pages);
    }
  }

  /**
   * One block's place in a mapped-ram file.
   *
   * @param bitmapBytes length of the page bitmap
   * @param paddingBytes between the block's header, its bitmap and its pages
   * @param pages in the file
   * @param zeroPages whose places are holes, or hold what means nothing
   */
  public record Mapped(
      MappedRamHeader header, long bitmapBytes, long paddingBytes, long pages, long zeroPages) {}

  /**
   * One round.
   *
   * @param offset of its first record in the stream
   */
  public record Round(long offset, long pages, long wireBytes) {}
}
