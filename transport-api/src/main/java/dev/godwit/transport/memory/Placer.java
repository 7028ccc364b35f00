package dev.godwit.transport.memory;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.memory.DirectPeer.DirectRegion;
import dev.godwit.transport.support.Monitor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;

/**
 * Copies the puts of one side, on a thread of its own, at moments and in an order that a seed
 * chooses among those the law allows: any time before somebody must know that a put has landed, any
 * put of any channel first, the back of a put before its front. What happens at the same moment is
 * the scheduler's choice, so a seed repeats a tendency, not a run.
 *
 * <p>The methods are called with the link's monitor held; copying alone goes on without it.
 */
final class Placer implements Runnable {
  /** Few enough that a put blocks now and then, enough that many stand in a wrong order. */
  private static final int MAX_OUTSTANDING = 64;

  /** One event in so many lets one put go early. */
  private static final int EARLY_ONE_IN = 3;

  /** One put on its way; its {@code landed} is the monitor's. */
  static final class Put {
    private final DirectLane lane;
    private final DirectRegion src;
    private final long srcOffset;
    private final DirectRegion dst;
    private final long dstOffset;
    private final long length;
    private boolean landed;

    Put(
        DirectLane lane,
        DirectRegion src,
        long srcOffset,
        DirectRegion dst,
        long dstOffset,
        long length) {
      this.lane = lane;
      this.src = src;
      this.srcOffset = srcOffset;
      this.dst = dst;
      this.dstOffset = dstOffset;
      this.length = length;
    }

    DirectLane lane() {
      return lane;
    }

    DirectRegion src() {
      return src;
    }

    DirectRegion dst() {
      return dst;
    }

    long dstOffset() {
      return dstOffset;
    }

    long length() {
      return length;
    }

    boolean hasLanded() {
      return landed;
    }
  }

  private final Monitor monitor;
  private RandomGenerator random = new SplittableRandom();
  private final List<Put> outstanding = new ArrayList<>();
  private boolean seeded;
  private int channels;
  private boolean running;
  private int early;
  private int waiting;

  Placer(Monitor monitor) {
    this.monitor = monitor;
  }

  /** One more channel of this side; the first one's seed counts. */
  void enter(long seed) {
    channels++;
    if (!seeded) {
      seeded = true;
      random = new SplittableRandom(seed);
    }
  }

  /** One channel less; with the last one the thread ends. */
  void leave() {
    channels--;
    monitor.signalAll();
  }

  /** Decides by the seed. */
  boolean oneIn(int n) {
    return random.nextInt(n) == 0;
  }

  /** Takes a put on, once there is room for it. */
  void post(Put put) throws ChannelException {
    while (outstanding.size() >= MAX_OUTSTANDING) {
      put.lane().requireOutput();
      waiting(1);
      monitor.await();
      waiting(-1);
    }
    put.lane().requireOutput();
    outstanding.add(put);
    if (!running) {
      running = true;
      Thread.ofPlatform().daemon().name("mem-placer").start(this);
    }
  }

  /** Something happened: a moment at which a put may land although nobody asks for it. */
  void tick() {
    if (!outstanding.isEmpty() && oneIn(EARLY_ONE_IN)) {
      early = Math.min(early + 1, outstanding.size());
      monitor.signalAll();
    }
  }

  /** Returns once no put of that kind is on its way; others may land meanwhile. */
  void land(Predicate<Put> kind) {
    waiting++;
    monitor.signalAll();
    while (outstanding.stream().anyMatch(kind)) {
      monitor.await();
    }
    waiting--;
  }

  /** How many puts of a lane wait to be copied. */
  long outstanding(DirectLane lane) {
    return outstanding.stream().filter(put -> put.lane() == lane).count();
  }

  /** Somebody who holds the monitor begins (1) or ends (-1) to wait for a landing. */
  void waiting(int change) {
    waiting += change;
    monitor.signalAll();
  }

  /** Forgets what a lane has posted; a copy that is under way goes on. */
  void drop(DirectLane lane) {
    outstanding.removeIf(put -> put.lane() == lane);
    monitor.signalAll();
  }

  @Override
  public void run() {
    monitor.lock();
    try {
      while (true) {
        while (outstanding.isEmpty() || (early == 0 && waiting == 0)) {
          if (outstanding.isEmpty() && channels == 0) {
            running = false;
            return;
          }
          monitor.await();
        }
        early = Math.max(0, early - 1);
        place(outstanding.remove(random.nextInt(outstanding.size())));
        monitor.signalAll();
      }
    } finally {
      monitor.unlock();
    }
  }

  private void place(Put put) {
    if (put.dst.isClosed()) {
      put.lane.refuse(
          "The peer closed region " + put.dst.name() + " while bytes were placed in it");
      return;
    }
    long front = random.nextLong(put.length);
    touch(put, 1);
    monitor.unlock();
    boolean reachable = true;
    try {
      copy(put, front, put.length - front);
      copy(put, 0, front);
    } catch (IllegalStateException e) {
      reachable = false;
    } finally {
      monitor.lock();
      touch(put, -1);
    }
    if (reachable) {
      put.landed = true;
    } else {
      put.lane.refuse("The memory of region " + put.dst.name() + " was freed under a put");
    }
  }

  private static void touch(Put put, int change) {
    put.src.copying(change);
    put.dst.copying(change);
    put.lane.copying(change);
  }

  private static void copy(Put put, long from, long length) {
    MemorySegment.copy(
        put.src.raw(), put.srcOffset + from, put.dst.raw(), put.dstOffset + from, length);
  }
}
