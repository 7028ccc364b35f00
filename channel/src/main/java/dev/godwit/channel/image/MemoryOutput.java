package dev.godwit.channel.image;

import dev.godwit.channel.multifd.Dialect;
import dev.godwit.channel.multifd.MultifdSender;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamSectionWriter;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.ram.RamWord;
import dev.godwit.channel.ram.ZeroPages;
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

  /** All pages are records of the main channel. */
  record Recorded(RamBlocks blocks, RamSectionWriter ram, int pageBytes) implements MemoryOutput {
    @Override
    public void begin(RamTable table) throws ChannelException {
      ram.table(table);
      ram.endSection();
    }

    @Override
    public void pages() throws ChannelException {
      int number = 0;
      for (RamBlock block : blocks.all()) {
        for (long at = 0; at < block.lengthBytes(); at += pageBytes) {
          ram.page(number, at);
        }
        number++;
      }
      ram.endSection();
      ram.endPass();
    }

    @Override
    public void end() throws ChannelException {
      ram.endSection();
    }
  }

  /** Pages go over multifd channels; the main channel has the marks, and zero pages of old. */
  record Multifd(
      RamBlocks blocks, RamSectionWriter ram, MultifdSender sender, MultifdSettings settings)
      implements MemoryOutput {
    @Override
    public void begin(RamTable table) throws IOException {
      ram.table(table);
      mark();
      ram.endSection();
    }

    @Override
    public void pages() throws IOException {
      int pageBytes = settings.pageBytes();
      int number = 0;
      for (RamBlock block : blocks.all()) {
        for (long at = 0; at < block.lengthBytes(); at += pageBytes) {
          if (!settings.zeroPagesInPackets() && ZeroPages.isZero(block.memory(), at, pageBytes)) {
            ram.page(number, at);
          } else {
            sender.send(block, at);
          }
        }
        number++;
      }
      mark();
      ram.endSection();
      ram.endPass();
    }

    @Override
    public void end() throws IOException {
      if (settings.dialect() == Dialect.V7_2) {
        mark();
      }
      ram.endSection();
      sender.finish();
    }

    /** The channels say SYNC, and the main channel its mark, which is the next EOS in 7.2. */
    private void mark() throws IOException {
      sender.sync();
      if (settings.dialect() == Dialect.V10_0) {
        ram.flushMark();
      }
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
