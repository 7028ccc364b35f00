package dev.godwit.migration.guest;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StateDescription.Field;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.StampedLock;
import org.jspecify.annotations.Nullable;

/**
 * A guest as somebody else would write it, with as little as the SPI asks for: two RAM blocks of
 * different pages, three processors that write all over them, and a log that can be taken only
 * while they stand still.
 */
public final class TinyGuest implements Guest, AutoCloseable {
  private static final int CPUS = 3;
  private static final int WRITES_A_STEP = 16;
  private static final long IDLE_NANOS = 20_000;

  private final Arena arena = Arena.ofShared();
  private final List<RamBlock> blocks =
      List.of(
          new RamBlock("tiny.ram", arena.allocate(2 << 20, 4096), 4096),
          new RamBlock("tiny.huge", arena.allocate(8 << 20, 2 << 20), 2 << 20));
  private final Log log = new Log();
  private final List<Cpu> cpus = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();

  /** A processor's step reads it; whoever stops the guest holds it for writing. */
  private final StampedLock steps = new StampedLock();

  private volatile long stopped = steps.writeLock();
  private volatile int throttlePercent;
  private volatile boolean closed;

  /** A guest that does not run yet; its processors begin at what {@code seed} says. */
  public TinyGuest(long seed) {
    for (int i = 0; i < CPUS; i++) {
      Cpu cpu = new Cpu(i, seed * 31 + i + 1);
      cpus.add(cpu);
      threads.add(Thread.ofPlatform().daemon().name("tiny-cpu-" + i).start(cpu));
    }
  }

  /** How many steps the processors have made; any thread. */
  public long progress() {
    return cpus.stream().mapToLong(cpu -> cpu.made.get()).sum();
  }

  @Override
  public String machine() {
    return "tiny-1";
  }

  @Override
  public List<RamBlock> ramBlocks() {
    return blocks;
  }

  @Override
  public DirtyLog dirtyLog() {
    return log;
  }

  @Override
  public List<? extends GuestDevice> devices() {
    return cpus;
  }

  @Override
  public boolean isRunning() {
    return stopped == 0;
  }

  @Override
  public synchronized void pause() {
    if (stopped == 0) {
      stopped = steps.writeLock();
    }
  }

  @Override
  public synchronized void resume() throws GuestException {
    if (closed) {
      throw new GuestException("The guest has ended");
    }
    long stamp = stopped;
    if (stamp != 0) {
      stopped = 0;
      steps.unlockWrite(stamp);
    }
  }

  @Override
  public void throttle(int percent) {
    throttlePercent = percent;
    threads.forEach(LockSupport::unpark);
  }

  /** Ends the guest and frees its memory. */
  @Override
  public synchronized void close() throws InterruptedException {
    if (closed) {
      return;
    }
    pause();
    closed = true;
    steps.unlockWrite(stopped);
    throttle(0);
    for (Thread thread : threads) {
      thread.join();
    }
    arena.close();
  }

  /** One processor, and the device that its registers are. */
  private final class Cpu implements GuestDevice, Runnable {
    private final int number;
    private final List<BitSet> written = List.of(new BitSet(), new BitSet());
    private final AtomicLong made = new AtomicLong();
    private long random;

    Cpu(int number, long seed) {
      this.number = number;
      this.random = seed == 0 ? 1 : seed;
    }

    @Override
    public void run() {
      long last = System.nanoTime();
      while (!closed) {
        long stamp = steps.readLock();
        try {
          if (!closed) {
            step();
          }
        } finally {
          steps.unlockRead(stamp);
        }
        LockSupport.parkNanos(IDLE_NANOS);
        int percent = throttlePercent;
        if (percent > 0) {
          LockSupport.parkNanos((System.nanoTime() - last) * percent / (100 - percent));
        }
        last = System.nanoTime();
      }
    }

    private void step() {
      long step = made.get() + 1;
      for (int i = 0; i < WRITES_A_STEP; i++) {
        random ^= random << 13;
        random ^= random >>> 7;
        random ^= random << 17;
        int block = (random & 31) == 0 ? 1 : 0;
        RamBlock ram = blocks.get(block);
        long offset = (random >>> 8) % ram.lengthBytes() & -Long.BYTES;
        ram.memory().set(ValueLayout.JAVA_LONG, offset, step * CPUS + number);
        written.get(block).set((int) (offset / ram.pageBytes()));
      }
      made.set(step);
    }

    @Override
    public String name() {
      return "tiny/cpu";
    }

    @Override
    public long instance() {
      return number;
    }

    @Override
    public long version() {
      return 1;
    }

    @Override
    public StateDescription save(StreamOutput out) throws ChannelException {
      out.u64(random);
      out.u64(made.get());
      return new StateDescription(
          "tiny-cpu", 1, List.of(field("random"), field("made")), List.of());
    }

    private Field field(String name) {
      return new Field(name, "uint64", Long.BYTES, 1, Optional.empty());
    }

    @Override
    public void load(StreamInput in, long version) throws ChannelException, StreamException {
      random = in.u64();
      made.set(in.u64());
    }
  }

  /** What the processors have noted, each for itself: nobody may note while it is taken. */
  private final class Log implements DirtyLog {
    private @Nullable List<BitSet> dirty;

    @Override
    public void start() throws GuestException {
      boolean ran = isRunning();
      pause();
      cpus.forEach(cpu -> cpu.written.forEach(BitSet::clear));
      dirty = List.of(new BitSet(), new BitSet());
      if (ran) {
        resume();
      }
    }

    @Override
    public void stop() {
      dirty = null;
    }

    @Override
    public boolean isAtomic() {
      return false;
    }

    @Override
    public void takeAndClear(int block, DirtyRuns found) throws GuestException {
      if (isRunning() || dirty == null) {
        throw new GuestException("The log is taken while the guest runs, or does not log");
      }
      BitSet pages = dirty.get(block);
      for (Cpu cpu : cpus) {
        pages.or(cpu.written.get(block));
        cpu.written.get(block).clear();
      }
      long pageBytes = blocks.get(block).pageBytes();
      for (int first = pages.nextSetBit(0); first >= 0; first = pages.nextSetBit(first)) {
        int end = pages.nextClearBit(first);
        found.run(first * pageBytes, (end - first) * pageBytes);
        pages.clear(first, end);
      }
    }
  }
}
