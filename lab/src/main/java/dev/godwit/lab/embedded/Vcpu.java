package dev.godwit.lab.embedded;

import dev.godwit.migration.dirty.MarkedLog;
import java.lang.foreign.MemorySegment;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * One processor: a thread that writes records and looks at the clock. Its state is its thread's
 * while it runs, and whose the guest is while it stands; {@link VcpuSwitch} hands it over.
 */
final class Vcpu implements Runnable {
  static final int REGISTERS = 16;

  /** A request for every so many writes; a queue holds the last few. */
  static final long WRITES_A_REQUEST = 1024;

  static final int QUEUE_LENGTH = 8;

  /** How often the clock is looked at, in writes; it takes as long as writing a record. */
  private static final int WRITES_A_TICK = 32;

  /** Time is taken away in slices of this, so that the guest stays smooth at 99 percent. */
  private static final long SLICE_NANOS = 10_000_000;

  /** What a processor that was late may catch up on its rate, and how long it rests at a time. */
  private static final long CATCH_UP_NANOS = 2_000_000;

  private final int number;
  private final LabSpec spec;
  private final Layout layout;
  private final List<MemorySegment> blocks;
  private final MarkedLog log;
  private final VcpuSwitch control;
  private final Schedule schedule;

  private final long[] registers = new long[REGISTERS];
  private final Deque<Long> requests = new ArrayDeque<>();
  private long completed;
  private volatile long writes;
  private volatile long ticks;
  private volatile long lastTick;
  private volatile long longestGap;
  private volatile long lastGap;

  Vcpu(
      int number,
      LabSpec spec,
      Layout layout,
      List<MemorySegment> blocks,
      MarkedLog log,
      VcpuSwitch control) {
    this.number = number;
    this.spec = spec;
    this.layout = layout;
    this.blocks = blocks;
    this.log = log;
    this.control = control;
    this.schedule = new Schedule(spec, number, layout.framesOfVcpu());
  }

  int number() {
    return number;
  }

  Schedule schedule() {
    return schedule;
  }

  long writes() {
    return writes;
  }

  void writes(long value) {
    writes = value;
  }

  long register(int i) {
    return registers[i];
  }

  void register(int i, long value) {
    registers[i] = value;
  }

  /** What register {@code i} holds after {@code count} writes. */
  long expectedRegister(int i, long count) {
    long last = count - Math.floorMod(count - i, (long) REGISTERS);
    return last <= 0 ? 0 : Mix.of(spec.seed(), number, last);
  }

  List<Long> requests() {
    return List.copyOf(requests);
  }

  void requests(List<Long> values) {
    requests.clear();
    requests.addAll(values);
  }

  /** How many requests have left the queue. */
  long completed() {
    return completed;
  }

  void completed(long value) {
    completed = value;
  }

  static long completedRequests(long count) {
    return Math.max(0, count / WRITES_A_REQUEST - QUEUE_LENGTH);
  }

  static List<Long> expectedRequests(long count) {
    List<Long> expected = new ArrayList<>();
    long submitted = count / WRITES_A_REQUEST;
    for (long id = Math.max(1, submitted - QUEUE_LENGTH + 1); id <= submitted; id++) {
      expected.add(id);
    }
    return expected;
  }

  long ticks() {
    return ticks;
  }

  void ticks(long value) {
    ticks = value;
  }

  /** Nanoseconds of the wall clock; 0 if it never looked at it. */
  long lastTick() {
    return lastTick;
  }

  void lastTick(long wallNanos) {
    lastTick = wallNanos;
  }

  long longestGapNanos() {
    return longestGap;
  }

  void longestGapNanos(long nanos) {
    longestGap = nanos;
  }

  long lastGapNanos() {
    return lastGap;
  }

  void lastGapNanos(long nanos) {
    lastGap = nanos;
  }

  /** Fills the processor's memory as it is before the first write. */
  void boot() {
    for (long local = 0; local < schedule.recordFrames(); local++) {
      fill(local, 0);
    }
  }

  @Override
  public void run() {
    for (long runs = 0; control.awaitRun(runs); runs++) {
      try {
        runOn();
      } catch (RuntimeException | Error e) {
        control.failed(number, e);
      } finally {
        control.stands();
      }
    }
  }

  private void runOn() {
    Schedule.Walk walk = schedule.walk(writes);
    lastGap = tick();
    long slice = System.nanoTime();
    long due = slice;
    long interval =
        spec.writesPerSecond() == 0 ? 0 : TimeUnit.SECONDS.toNanos(1) / spec.writesPerSecond();
    int untilTick = WRITES_A_TICK;
    while (control.isRunning()) {
      int throttle = control.throttlePercent();
      if (throttle > 0 || interval > 0 || schedule.isIdle()) {
        long now = System.nanoTime();
        long taken = SLICE_NANOS * throttle / 100;
        if (throttle > 0 && now - slice >= SLICE_NANOS - taken) {
          LockSupport.parkNanos(taken);
          slice = System.nanoTime();
          tick();
          continue;
        }
        if (schedule.isIdle()) {
          LockSupport.parkNanos(CATCH_UP_NANOS);
          tick();
          continue;
        }
        if (interval > 0 && due - now > 0) {
          LockSupport.parkNanos(due - now);
          untilTick = 0;
          if (due - System.nanoTime() > 0) {
            continue;
          }
        }
        due = Math.max(due - now, -CATCH_UP_NANOS) + now + interval;
      }
      write(walk);
      if (--untilTick <= 0) {
        tick();
        untilTick = WRITES_A_TICK;
      }
    }
    tick();
  }

  private void write(Schedule.Walk walk) {
    long number = walk.next();
    long frame = layout.frame(this.number, walk.frame());
    int block = layout.block(frame);
    long offset = layout.offset(frame);
    long length = Layout.FRAME_BYTES;
    if (!walk.isOfFrame()) {
      offset += (long) walk.record() * GuestRecord.BYTES;
      length = GuestRecord.BYTES;
      write(block, offset, number);
    } else if (walk.isFilling()) {
      fill(walk.frame(), number);
    } else {
      blocks.get(block).asSlice(offset, length).fill((byte) 0);
    }
    log.mark(block, offset, length);
    registers[(int) (number % REGISTERS)] = Mix.of(spec.seed(), this.number, number);
    if (number % WRITES_A_REQUEST == 0) {
      requests.add(number / WRITES_A_REQUEST);
      if (requests.size() > QUEUE_LENGTH) {
        requests.remove();
        completed++;
      }
    }
    writes = number;
  }

  private void fill(long local, long sequence) {
    long frame = layout.frame(number, local);
    for (int record = 0; record < Layout.RECORDS_A_FRAME; record++) {
      write(
          layout.block(frame), layout.offset(frame) + (long) record * GuestRecord.BYTES, sequence);
    }
  }

  private void write(int block, long offset, long sequence) {
    GuestRecord.write(
        blocks.get(block), offset, spec.seed(), number, sequence, Layout.address(block, offset));
  }

  /** Looks at the clock; returns how long it did not, in nanoseconds. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // One thread writes, others look.
  private long tick() {
    Instant wall = Instant.now();
    long now = wall.getEpochSecond() * 1_000_000_000 + wall.getNano();
    // A wall clock can be set back.
    long gap = lastTick == 0 ? 0 : Math.max(0, now - lastTick);
    lastTick = now;
    longestGap = Math.max(longestGap, gap);
    ticks++;
    return gap;
  }
}
