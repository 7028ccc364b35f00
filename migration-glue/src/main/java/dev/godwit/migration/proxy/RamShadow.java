package dev.godwit.migration.proxy;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamSectionWriter;
import dev.godwit.transport.ChannelException;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Finds what has changed in memory that others write into unseen: keeps a copy of it as it was last
 * sent, and compares. What is sent is the copy, which nobody else changes. One thread uses it.
 */
final class RamShadow {
  /** Compared at a time, so that a thread can be stopped in between. */
  private static final long SPAN_BYTES = 1 << 20;

  private final List<RamBlock> memory;
  private final List<RamBlock> copies;
  private final int pageBytes;
  private boolean complete;

  /**
   * @param memory what others write into
   * @param sent as long, and all zero by now
   * @param pageBytes the unit in which pages are sent
   */
  RamShadow(RamBlocks memory, RamBlocks sent, int pageBytes) {
    this.memory = memory.all();
    this.copies = sent.all();
    this.pageBytes = pageBytes;
  }

  /**
   * Sends the pages that differ from the copy, and makes the copy like them; the first time all
   * pages, since the peer's memory may hold anything.
   *
   * @param writer of the copies' blocks
   */
  void sendChanges(RamSectionWriter writer) throws ChannelException {
    for (int block = 0; block < memory.size(); block++) {
      MemorySegment now = memory.get(block).memory();
      MemorySegment copy = copies.get(block).memory();
      for (long at = 0; at < now.byteSize(); at += SPAN_BYTES) {
        long end = Math.min(now.byteSize(), at + SPAN_BYTES);
        if (complete) {
          sendChanged(writer, block, now, copy, at, end);
        } else {
          sendAll(writer, block, now, copy, at, end);
        }
      }
    }
    complete = true;
  }

  private void sendChanged(
      RamSectionWriter writer,
      int block,
      MemorySegment now,
      MemorySegment copy,
      long from,
      long end)
      throws ChannelException {
    long at = from;
    while (at < end) {
      long same = MemorySegment.mismatch(now, at, end, copy, at, end);
      if (same < 0) {
        return;
      }
      long page = (at + same) & -pageBytes;
      MemorySegment.copy(now, page, copy, page, pageBytes);
      writer.page(block, page);
      at = page + pageBytes;
    }
  }

  private void sendAll(
      RamSectionWriter writer,
      int block,
      MemorySegment now,
      MemorySegment copy,
      long from,
      long end)
      throws ChannelException {
    for (long page = from; page < end; page += pageBytes) {
      // A copy that is zero already takes up no room, and stays so.
      if (MemorySegment.mismatch(now, page, page + pageBytes, copy, page, page + pageBytes) >= 0) {
        MemorySegment.copy(now, page, copy, page, pageBytes);
      }
      writer.page(block, page);
    }
  }
}
