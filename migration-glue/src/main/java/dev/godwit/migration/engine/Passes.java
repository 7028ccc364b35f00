package dev.godwit.migration.engine;

import dev.godwit.channel.pages.PageOutput;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.stream.Section;
import dev.godwit.channel.stream.SectionHeader;
import dev.godwit.channel.stream.SectionHeader.Kind;
import dev.godwit.channel.stream.StreamWriter;
import dev.godwit.migration.dirty.DirtyMemory;
import java.io.IOException;

/**
 * The passes of a source over its guest's memory: each is one PART section, in which no page is
 * sent twice, and ends with a barrier on every channel. One thread uses it.
 */
final class Passes {
  /** How much is handed over before the rate is looked at: no more than in a tenth of a second. */
  private static final long MOST_STRIDE_BYTES = 256 * 1024;

  private final StreamWriter writer;
  private final Section section;
  private final RamBlocks blocks;
  private final PageOutput output;
  private final DirtyMemory.Client dirty;
  private final RateLimit rate;
  private final long strideBytes;
  private long unpaced;
  private long pacedBytes;

  /** Of the run that is being sent, in bytes. */
  private volatile long unsent;

  private boolean limited;

  Passes(
      StreamWriter writer,
      Section section,
      RamBlocks blocks,
      PageOutput output,
      DirtyMemory.Client dirty,
      RateLimit rate,
      EngineParameters parameters) {
    this.writer = writer;
    this.section = section;
    this.blocks = blocks;
    this.output = output;
    this.dirty = dirty;
    this.rate = rate;
    long most = parameters.maxBandwidthBytesPerSecond();
    this.strideBytes = most == 0 ? MOST_STRIDE_BYTES : Math.min(MOST_STRIDE_BYTES, most / 10);
  }

  /** Sends all memory, however much of it changes meanwhile. */
  void all() throws IOException {
    begin(true);
    int number = 0;
    for (RamBlock block : blocks.all()) {
      run(number++, 0, block.lengthBytes());
    }
    end();
  }

  /**
   * Sends what was found dirty.
   *
   * @param limitRate whether the guest runs, and may wait
   */
  void dirty(boolean limitRate) throws IOException {
    begin(limitRate);
    for (int block = 0; block < blocks.all().size(); block++) {
      int number = block;
      dirty.takeRuns(number, (offset, length) -> run(number, offset, length));
    }
    end();
  }

  /** What of the memory that was taken as dirty is not sent yet, in bytes; any thread. */
  long unsentBytes() {
    return unsent;
  }

  private void begin(boolean limitRate) throws IOException {
    limited = limitRate;
    writer.write(new SectionHeader(Kind.PART, section));
  }

  private void end() throws IOException {
    unsent = 0;
    output.endPass();
    writer.endSection();
    writer.flush();
  }

  private void run(int block, long offset, long length) throws IOException {
    int page = output.pageBytes(block);
    for (long at = offset; at < offset + length; at += page) {
      unsent = offset + length - at;
      output.page(block, at);
      unpaced += page;
      if (unpaced >= strideBytes) {
        pace();
      }
    }
  }

  /** Counts what has to travel: pages of zero hardly do. */
  private void pace() throws IOException {
    unpaced = 0;
    long normal = output.normalBytes();
    long sent = normal - pacedBytes;
    pacedBytes = normal;
    if (limited && sent > 0) {
      rate.pace(sent);
    }
  }
}
