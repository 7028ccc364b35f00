package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.lang.foreign.MemorySegment;

/**
 * The page that is to be sent. One object serves all pages of a channel, one after the other. What
 * it knows of the page is found out once and only if somebody asks.
 */
public final class OutgoingPage {
  private final BlockNames names;
  private final PageSink sink;
  private MemorySegment memory = MemorySegment.NULL;
  private MemorySegment copy = MemorySegment.NULL;
  private int pageBytes;
  private int block;
  private long offset;
  private boolean copied;
  private int lastNamed = -1;

  OutgoingPage(BlockNames names, PageSink sink) {
    this.names = names;
    this.sink = sink;
  }

  void at(int block, MemorySegment memory, long offset, int pageBytes) {
    this.block = block;
    this.memory = memory;
    this.offset = offset;
    this.pageBytes = pageBytes;
    this.copied = false;
  }

  /** The block's number in the guest's list. */
  public int block() {
    return block;
  }

  /** Where the page begins in {@link #memory}. */
  public long offset() {
    return offset;
  }

  public int pageBytes() {
    return pageBytes;
  }

  /** The whole block, as the guest sees and changes it. */
  public MemorySegment memory() {
    return memory;
  }

  /** The page as it was when this was first asked for: what is sent from then on. */
  public MemorySegment copy() throws ChannelException {
    if (!copied) {
      copy = sink.copyOf(memory, offset);
      copied = true;
    }
    return copy;
  }

  public boolean isCopied() {
    return copied;
  }

  /** Writes word and, unless it is the last one's, the block's name. */
  public void head(StreamOutput out, int flag) throws ChannelException {
    if (block == lastNamed) {
      out.u64(offset | flag | RamWord.CONTINUE);
      return;
    }
    out.u64(offset | flag);
    names.write(out, block);
    lastNamed = block;
  }

  /** Sends the page's bytes as they are, the way that this channel carries them best. */
  public void body(StreamOutput out) throws ChannelException {
    if (copied) {
      sink.sendCopy(out, block, offset);
    } else {
      sink.sendLive(out, block, offset, pageBytes);
    }
  }
}
