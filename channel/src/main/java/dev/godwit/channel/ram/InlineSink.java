package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Pages stand in the stream, behind their records. */
final class InlineSink implements PageSink {
  private final List<RamBlock> blocks;
  private final int pageBytes;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment copy;

  InlineSink(RamBlocks blocks, PageUnits units) {
    this.blocks = blocks.all();
    this.pageBytes = units.targetBytes();
    this.copy = arena.allocate(pageBytes, Long.BYTES);
  }

  @Override
  public MemorySegment copyOf(MemorySegment memory, long offset) {
    MemorySegment.copy(memory, offset, copy, 0, pageBytes);
    return copy;
  }

  @Override
  public void sendLive(StreamOutput out, int block, long offset, long length)
      throws ChannelException {
    out.bytes(blocks.get(block).memory(), offset, length);
  }

  @Override
  public void sendCopy(StreamOutput out, int block, long offset) throws ChannelException {
    out.bytes(copy, 0, pageBytes);
  }

  @Override
  public void close() {
    arena.close();
  }
}
