package dev.godwit.migration.dirty;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.migration.guest.DirtyLog;
import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Shares one guest's dirty log among clients, each of which has bitmaps of its own while it is
 * open. The log runs from the first client's opening to the last one's closing. Any thread may call
 * anything here; the guest stays the caller's.
 *
 * <p>To take a log that is not atomic, a running guest is paused and resumed. Whoever pauses or
 * resumes a guest that has clients in other threads does it by {@link #pause} and {@link #resume},
 * or a guest that he paused may be resumed by a client.
 */
public final class DirtyMemory {
  private final Guest guest;

  /** The guest's, as long as there are clients. */
  private List<RamBlock> blocks = List.of();

  /** Read and changed under {@link #log}. */
  private final List<Client> clients = new ArrayList<>();

  /** Held by whoever uses the log, or pauses or resumes; taken before a client's own lock. */
  private final ReentrantLock log = new ReentrantLock();

  public DirtyMemory(Guest guest) {
    this.guest = guest;
  }

  /** Is told of changed memory. */
  @FunctionalInterface
  public interface Taker {
    /**
     * @param offset in the block, in bytes, of a whole page
     * @param length in bytes, of whole pages
     */
    void run(long offset, long length) throws IOException;
  }

  /** Opens a view of its own, in which nothing is dirty yet. Changes from now on will be. */
  public Client open() throws GuestException {
    log.lock();
    try {
      if (clients.isEmpty()) {
        blocks = List.copyOf(guest.ramBlocks());
      } else {
        takeLog();
      }
      Client client = new Client();
      if (clients.isEmpty()) {
        guest.dirtyLog().start();
      }
      clients.add(client);
      return client;
    } finally {
      log.unlock();
    }
  }

  /** {@link Guest#isRunning}, while no client takes the log and has it stand still for that. */
  public boolean isRunning() {
    log.lock();
    try {
      return guest.isRunning();
    } finally {
      log.unlock();
    }
  }

  /** {@link Guest#pause}, while no client takes the log; returns whether the guest ran. */
  public boolean pause() throws GuestException {
    log.lock();
    try {
      boolean ran = guest.isRunning();
      guest.pause();
      return ran;
    } finally {
      log.unlock();
    }
  }

  /** {@link Guest#resume}, while no client takes the log. */
  public void resume() throws GuestException {
    log.lock();
    try {
      guest.resume();
    } finally {
      log.unlock();
    }
  }

  private void takeLog() throws GuestException {
    if (guest.dirtyLog().isAtomic() || !guest.isRunning()) {
      takeBlocks();
      return;
    }
    guest.pause();
    Throwable failure = null;
    try {
      takeBlocks();
    } catch (Throwable e) {
      failure = e;
      throw e;
    } finally {
      resumeAfter(failure);
    }
  }

  private void resumeAfter(@Nullable Throwable failure) throws GuestException {
    try {
      guest.resume();
    } catch (GuestException | RuntimeException e) {
      if (failure == null) {
        throw e;
      }
      failure.addSuppressed(e);
    }
  }

  private void takeBlocks() throws GuestException {
    DirtyLog dirty = guest.dirtyLog();
    for (int i = 0; i < blocks.size(); i++) {
      int block = i;
      dirty.takeAndClear(block, (offset, length) -> mark(block, offset, length));
    }
  }

  private void mark(int block, long offset, long length) {
    RamBlock ram = blocks.get(block);
    long rest = ram.pageBytes() - 1L;
    if (offset < 0
        || length < 0
        || length > ram.lengthBytes() - offset
        || ((offset | length) & rest) != 0) {
      throw new IllegalArgumentException(
          "The dirty log reports " + length + " bytes at " + offset + " of " + ram);
    }
    for (int i = 0; i < clients.size(); i++) {
      clients.get(i).mark(block, offset, length);
    }
  }

  /** One reader's view. */
  public final class Client implements AutoCloseable {
    private final DirtyBitmap[] bitmaps = new DirtyBitmap[blocks.size()];
    private final int[] pageShifts = new int[blocks.size()];
    private boolean closed;
    private long dirtyBytes;
    private long markedBytes;

    private Client() {
      for (int i = 0; i < bitmaps.length; i++) {
        bitmaps[i] = new DirtyBitmap(blocks.get(i).pages());
        pageShifts[i] = Integer.numberOfTrailingZeros(blocks.get(i).pageBytes());
      }
    }

    /**
     * Takes the guest's log once and marks what is in it for all clients. What it told before a
     * failure is marked.
     */
    public void sync() throws GuestException {
      log.lock();
      try {
        checkOpen();
        takeLog();
      } finally {
        log.unlock();
      }
    }

    /** What was dirty at the last sync, of anybody, less what was taken since; in bytes. */
    public synchronized long dirtyBytes() {
      return dirtyBytes;
    }

    /**
     * All bytes that syncs have marked for this client, those that were marked already included;
     * the difference of two is what the guest has dirtied in between.
     */
    public synchronized long markedBytes() {
      return markedBytes;
    }

    /**
     * Hands on all that is dirty in one block, in ascending order, adjoining pages as one run. A
     * run is clean before it is handed on; if the taker throws, that run and all later ones are
     * dirty after it. No page is handed on twice in one call. Syncs are not kept waiting meanwhile.
     */
    public void takeRuns(int block, Taker taker) throws IOException {
      int shift = pageShifts[block];
      long first = nextDirty(block, 0);
      while (first >= 0) {
        long end = clearRun(block, first);
        boolean taken = false;
        try {
          taker.run(first << shift, (end - first) << shift);
          taken = true;
        } finally {
          if (!taken) {
            markAgain(block, first, end);
          }
        }
        first = nextDirty(block, end);
      }
    }

    /** Gives its bitmaps back; the last client ends the log. Does nothing the second time. */
    @Override
    public void close() throws GuestException {
      log.lock();
      try {
        if (!clients.remove(this)) {
          return;
        }
        release();
        if (clients.isEmpty()) {
          guest.dirtyLog().stop();
        }
      } finally {
        log.unlock();
      }
    }

    private synchronized long nextDirty(int block, long from) {
      return bitmap(block).nextDirty(from);
    }

    /** Only this client's taker clears, and it is one thread: what was found dirty is so still. */
    private synchronized long clearRun(int block, long first) {
      long end = bitmap(block).clearRun(first);
      dirtyBytes -= (end - first) << pageShifts[block];
      return end;
    }

    private synchronized void markAgain(int block, long first, long end) {
      if (!closed) {
        markPages(block, first, end - first);
      }
    }

    private synchronized void mark(int block, long offset, long length) {
      int shift = pageShifts[block];
      markPages(block, offset >>> shift, length >>> shift);
      markedBytes += length;
    }

    private void markPages(int block, long first, long count) {
      DirtyBitmap bitmap = bitmap(block);
      long before = bitmap.count();
      bitmap.mark(first, count);
      dirtyBytes += (bitmap.count() - before) << pageShifts[block];
    }

    private DirtyBitmap bitmap(int block) {
      checkOpen();
      return bitmaps[block];
    }

    private synchronized void checkOpen() {
      if (closed) {
        throw new IllegalStateException("This client of the dirty log is closed");
      }
    }

    private synchronized void release() {
      closed = true;
      for (int i = 0; i < bitmaps.length; i++) {
        bitmaps[i] = new DirtyBitmap(0);
      }
      dirtyBytes = 0;
    }
  }
}
