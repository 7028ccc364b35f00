package dev.godwit.channel.image;

import dev.godwit.channel.pages.PageOutput;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.ram.RamWord;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.time.Duration;

/** Where the memory of a guest at rest goes: what stands in the sections of RAM, and besides. */
sealed interface MemoryOutput {

  /** Writes what the START section holds. */
  void begin(RamTable table) throws IOException;

  /** Writes what the one PART section holds. */
  void pages() throws IOException;

  /** Writes what the END section holds; all of memory is with the peer, or on its way in order. */
  void end() throws IOException;

  /** Every page once, over the channels of the migration. */
  record Paged(RamBlocks blocks, PageOutput out) implements MemoryOutput {
    @Override
    public void begin(RamTable table) throws IOException {
      out.begin(table);
    }

    @Override
    public void pages() throws IOException {
      int number = 0;
      for (RamBlock block : blocks.all()) {
        int pageBytes = out.pageBytes(number);
        for (long at = 0; at < block.lengthBytes(); at += pageBytes) {
          out.page(number, at);
        }
        number++;
      }
      out.endPass();
    }

    @Override
    public void end() throws IOException {
      out.end();
    }
  }

  /** Each page has its place in a file; the stream has nothing but marks. */
  record Mapped(RamBlocks blocks, StreamOutput out, MappedRamWriter file, Duration patience)
      implements MemoryOutput {
    @Override
    public void begin(RamTable table) throws ChannelException {
      out.u64(table.totalBytes() | RamWord.MEM_SIZE);
      for (RamBlock block : blocks.all()) {
        out.name(block.name());
        out.u64(block.lengthBytes());
        file.place(out, block, Deadline.after(patience));
      }
      out.u64(RamWord.EOS);
    }

    @Override
    public void pages() throws ChannelException {
      for (RamBlock block : blocks.all()) {
        file.write(block);
      }
      out.u64(RamWord.EOS);
    }

    @Override
    public void end() throws ChannelException {
      file.finish(out);
      out.u64(RamWord.EOS);
    }
  }
}
