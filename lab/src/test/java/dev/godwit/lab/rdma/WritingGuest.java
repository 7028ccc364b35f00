package dev.godwit.lab.rdma;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.lab.engine.ForwardingGuest;
import dev.godwit.migration.dirty.MarkedLog;
import dev.godwit.migration.guest.DirtyLog;
import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.support.Uninterruptibly;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A guest that is kept, and while it runs has pages of its memory inverted and put right again. All
 * are right when it is paused, so that a page that was sent inverted and not again is found.
 */
final class WritingGuest extends ForwardingGuest {
  private static final String RAM = "pc.ram";
  private static final long PAGE_BYTES = 4096;
  private static final long BETWEEN_WRITES_NANOS = Duration.ofMillis(2).toNanos();

  private final List<RamBlock> blocks;
  private final MarkedLog log;
  private final Random random;
  private final int number;
  private final MemorySegment memory;
  private @Nullable Thread writer;
  private volatile boolean writing;
  private volatile long writes;

  WritingGuest(Guest guest, Random random) {
    super(guest);
    this.random = random;
    this.blocks = guest.ramBlocks();
    this.log = new MarkedLog(blocks);
    this.number = blocks.stream().map(RamBlock::name).toList().indexOf(RAM);
    this.memory = blocks.get(number).memory();
  }

  /** How many pages were changed, and changed back. */
  long writes() {
    return writes;
  }

  /** Fills all memory with what nobody has sent. */
  static void fillWithJunk(Guest guest, Random random) {
    for (RamBlock block : guest.ramBlocks()) {
      MemorySegment bytes = block.memory();
      for (long at = 0; at + Long.BYTES <= bytes.byteSize(); at += Long.BYTES) {
        bytes.set(ValueLayout.JAVA_LONG_UNALIGNED, at, random.nextLong());
      }
    }
  }

  @Override
  public DirtyLog dirtyLog() {
    return log;
  }

  @Override
  public void resume() throws GuestException {
    super.resume();
    writing = true;
    writer = Thread.ofPlatform().daemon().name("guest-writer").start(this::write);
  }

  @Override
  public void pause() throws GuestException {
    writing = false;
    Thread running = writer;
    if (running != null) {
      LockSupport.unpark(running);
      Uninterruptibly.join(running);
      writer = null;
    }
    super.pause();
  }

  private void write() {
    int pages = (int) (memory.byteSize() / PAGE_BYTES);
    BitSet inverted = new BitSet(pages);
    while (writing) {
      int page = random.nextInt(pages);
      invert(page);
      inverted.flip(page);
      LockSupport.parkNanos(BETWEEN_WRITES_NANOS);
    }
    inverted.stream().forEach(this::invert);
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // One thread counts.
  private void invert(int page) {
    long from = page * PAGE_BYTES;
    for (long at = from; at < from + PAGE_BYTES; at += Long.BYTES) {
      memory.set(ValueLayout.JAVA_LONG, at, ~memory.get(ValueLayout.JAVA_LONG, at));
    }
    log.mark(number, from, PAGE_BYTES);
    writes++;
  }
}
