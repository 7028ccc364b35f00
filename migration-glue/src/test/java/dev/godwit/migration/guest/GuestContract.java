package dev.godwit.migration.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.testkit.ArrayChannel;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What the engine relies on in a guest, as tests to inherit: whoever implements {@link Guest}
 * writes one small subclass. The guest under test is a busy one, which writes to its memory
 * whenever it runs; a few MiB of it are enough, as all of it is compared again and again.
 */
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
public abstract class GuestContract {
  /** As much of {@link #progress} as is worth looking at the guest again. */
  private static final int SOME_STEPS = 20;

  private final Seed seed = Seed.of(getClass().getSimpleName());
  private final List<Guest> guests = new ArrayList<>();

  /**
   * A guest that does not run yet. All that are made have the same machine, blocks and devices, and
   * no memory in common.
   *
   * @param seed of what it does, where that can be chosen
   */
  protected abstract Guest newGuest(long seed) throws Exception;

  /** A number that grows all the time while the guest runs, and each time with a write. */
  protected abstract long progress(Guest guest);

  /** Ends a guest, which may run, and frees its memory. */
  protected abstract void end(Guest guest) throws Exception;

  @AfterEach
  void endGuests() throws Exception {
    for (Guest guest : guests) {
      end(guest);
    }
  }

  private Guest guest() throws Exception {
    Guest guest = newGuest(seed.value() + guests.size());
    guests.add(guest);
    return guest;
  }

  private Guest running() throws Exception {
    Guest guest = guest();
    guest.resume();
    return guest;
  }

  private void awaitProgress(Guest guest, long steps) {
    long from = progress(guest);
    Await.until("the guest makes " + steps + " steps", () -> progress(guest) >= from + steps);
  }

  private static List<MemorySegment> copyOf(Guest guest) {
    List<MemorySegment> copies = new ArrayList<>();
    for (RamBlock block : guest.ramBlocks()) {
      byte[] copy = new byte[Math.toIntExact(block.lengthBytes())];
      copies.add(MemorySegment.ofArray(copy).copyFrom(block.memory()));
    }
    return copies;
  }

  private static void assertMemory(Guest guest, List<MemorySegment> expected, String when) {
    for (int i = 0; i < expected.size(); i++) {
      RamBlock block = guest.ramBlocks().get(i);
      assertThat(block.memory().mismatch(expected.get(i)))
          .as("first byte of %s that differs %s", block, when)
          .isEqualTo(-1);
    }
  }

  /** One run of a log. */
  private record Run(int block, long offset, long length) {}

  /** Takes the whole log of a guest that does not run. */
  private static List<Run> take(Guest guest) throws GuestException {
    List<Run> runs = new ArrayList<>();
    for (int i = 0; i < guest.ramBlocks().size(); i++) {
      int block = i;
      guest
          .dirtyLog()
          .takeAndClear(i, (offset, length) -> runs.add(new Run(block, offset, length)));
    }
    return runs;
  }

  private static void copy(Guest guest, Run run, List<MemorySegment> shadow) {
    MemorySegment.copy(
        guest.ramBlocks().get(run.block).memory(),
        run.offset,
        shadow.get(run.block),
        run.offset,
        run.length);
  }

  // What it is.

  @Test
  void whatItIsStaysTheSame() throws Exception {
    Guest guest = running();
    List<RamBlock> blocks = guest.ramBlocks();
    DirtyLog log = guest.dirtyLog();
    assertThat(guest.machine().getBytes(StandardCharsets.UTF_8).length).isBetween(1, 256);
    for (int i = 0; i < 3; i++) {
      awaitProgress(guest, SOME_STEPS);
      assertThat(guest.machine()).isEqualTo(guest().machine());
      assertThat(guest.uuid()).isEqualTo(guest.uuid());
      assertThat(guest.dirtyLog()).isSameAs(log);
      assertThat(guest.ramBlocks()).hasSameSizeAs(blocks);
      for (int block = 0; block < blocks.size(); block++) {
        assertThat(guest.ramBlocks().get(block)).isSameAs(blocks.get(block));
      }
    }
  }

  @Test
  void everyBlockHasANameOfItsOwn() throws Exception {
    assertThat(guest().ramBlocks()).isNotEmpty().extracting(RamBlock::name).doesNotHaveDuplicates();
  }

  @Test
  void everyDeviceHasANameAndInstanceOfItsOwn() throws Exception {
    Set<String> known = new HashSet<>();
    for (GuestDevice device : guest().devices()) {
      assertThat(device.name().getBytes(StandardCharsets.UTF_8).length).isBetween(1, 255);
      assertThat(device.instance()).isBetween(0L, 0xffff_ffffL);
      assertThat(device.version()).isBetween(0L, 0xffff_ffffL);
      assertThat(known.add(device.name() + " " + device.instance())).as(device.name()).isTrue();
    }
  }

  // Pausing and resuming.

  @Test
  void itSaysWhetherItRuns() throws Exception {
    Guest guest = guest();
    assertThat(guest.isRunning()).isFalse();
    guest.resume();
    assertThat(guest.isRunning()).isTrue();
    guest.pause();
    assertThat(guest.isRunning()).isFalse();
  }

  @Test
  void whatDoesNotRunChangesNothing() throws Exception {
    Guest guest = guest();
    assertStandsStill(guest, "before it ever ran");
    for (int i = 0; i < 20; i++) {
      guest.resume();
      awaitProgress(guest, SOME_STEPS);
      guest.pause();
      assertStandsStill(guest, "after pause " + i + ", seed " + seed);
    }
  }

  /** The comparisons take the time in which a processor that was not stopped would be seen. */
  private void assertStandsStill(Guest guest, String when) throws Exception {
    long progress = progress(guest);
    List<MemorySegment> memory = copyOf(guest);
    List<Saved> devices = save(guest);
    for (int i = 0; i < 3; i++) {
      assertMemory(guest, memory, when);
      assertThat(save(guest)).as("devices %s", when).isEqualTo(devices);
    }
    assertThat(progress(guest)).as("progress %s", when).isEqualTo(progress);
  }

  @Test
  void pausingAndResumingTwiceIsOnce() throws Exception {
    Guest guest = guest();
    guest.pause();
    guest.resume();
    guest.resume();
    assertThat(guest.isRunning()).isTrue();
    awaitProgress(guest, SOME_STEPS);
    guest.pause();
    guest.pause();
    assertThat(guest.isRunning()).isFalse();
    assertStandsStill(guest, "after two pauses");
    guest.resume();
    awaitProgress(guest, SOME_STEPS);
  }

  @Test
  void oneThreadPausesAndAnotherResumes() throws Exception {
    Guest guest = running();
    for (int i = 0; i < 3; i++) {
      Task.startVirtual(
              "pauses",
              () -> {
                guest.pause();
                return true;
              })
          .result();
      assertStandsStill(guest, "after a pause from another thread");
      guest.resume();
      awaitProgress(guest, SOME_STEPS);
    }
  }

  // The dirty log.

  @Test
  void aLogBeginsClean() throws Exception {
    Guest guest = running();
    awaitProgress(guest, SOME_STEPS);
    guest.pause();
    guest.dirtyLog().start();
    assertThat(take(guest)).isEmpty();
    guest.resume();
    awaitProgress(guest, SOME_STEPS);
    guest.pause();
    guest.dirtyLog().stop();
    guest.dirtyLog().start();
    assertThat(take(guest)).as("after it was stopped with what it held").isEmpty();
    guest.dirtyLog().stop();
  }

  @Test
  void aLogThatWasNotBegunCanBeStopped() throws Exception {
    Guest guest = guest();
    guest.dirtyLog().stop();
    guest.dirtyLog().start();
    guest.dirtyLog().stop();
    guest.dirtyLog().stop();
  }

  @Test
  void whatIsTakenIsForgotten() throws Exception {
    Guest guest = guest();
    guest.dirtyLog().start();
    guest.resume();
    awaitProgress(guest, SOME_STEPS);
    guest.pause();
    assertThat(take(guest)).as("what a guest wrote that ran").isNotEmpty();
    assertThat(take(guest)).isEmpty();
    assertStandsStill(guest, "while its log is taken");
    assertThat(take(guest)).as("after devices were saved").isEmpty();
    guest.dirtyLog().stop();
  }

  @Test
  void runsAreOfWholePagesWithinTheBlock() throws Exception {
    Guest guest = guest();
    guest.dirtyLog().start();
    for (int i = 0; i < 5; i++) {
      guest.resume();
      awaitProgress(guest, SOME_STEPS);
      guest.pause();
      for (Run run : take(guest)) {
        RamBlock block = guest.ramBlocks().get(run.block);
        assertThat(run.length).as("%s of %s", run, block).isPositive();
        assertThat(run.offset % block.pageBytes()).as("%s of %s", run, block).isZero();
        assertThat(run.length % block.pageBytes()).as("%s of %s", run, block).isZero();
        assertThat(run.offset).as("%s of %s", run, block).isNotNegative();
        assertThat(run.offset + run.length)
            .as("%s of %s", run, block)
            .isLessThanOrEqualTo(block.lengthBytes());
      }
    }
    guest.dirtyLog().stop();
  }

  /** As the engine does: all memory once, then what the log tells, and the rest after the pause. */
  @Test
  void theLogLosesNothing() throws Exception {
    Guest guest = running();
    DirtyLog log = guest.dirtyLog();
    for (int round = 0; round < 3; round++) {
      log.start();
      List<MemorySegment> shadow = copyOf(guest);
      for (int pass = 0; pass < 15; pass++) {
        awaitProgress(guest, 1 + pass % 3);
        if (!log.isAtomic()) {
          guest.pause();
        }
        List<Run> runs = take(guest);
        guest.resume();
        runs.forEach(run -> copy(guest, run, shadow));
      }
      guest.pause();
      take(guest).forEach(run -> copy(guest, run, shadow));
      assertMemory(guest, shadow, "after round " + round + ", seed " + seed);
      log.stop();
      guest.resume();
    }
  }

  @Test
  void whatALogCouldNotTellIsToldAgain() throws Exception {
    Guest guest = guest();
    DirtyLog log = guest.dirtyLog();
    log.start();
    for (int failing = 0; failing < 4; failing++) {
      List<MemorySegment> shadow = copyOf(guest);
      guest.resume();
      awaitProgress(guest, SOME_STEPS);
      guest.pause();
      IllegalStateException failure = new IllegalStateException("No more runs");
      List<Run> told = new ArrayList<>();
      int last = failing;
      for (int i = 0; i < shadow.size(); i++) {
        int block = i;
        try {
          log.takeAndClear(
              block,
              (offset, length) -> {
                if (told.size() == last) {
                  throw failure;
                }
                told.add(new Run(block, offset, length));
              });
        } catch (IllegalStateException | GuestException e) {
          assertThat(e instanceof GuestException ? e.getCause() : e).isSameAs(failure);
        }
      }
      told.addAll(take(guest));
      told.forEach(run -> copy(guest, run, shadow));
      assertMemory(guest, shadow, "after a failure at run " + failing + ", seed " + seed);
    }
    log.stop();
  }

  // Devices.

  /** A device's state as it was saved. */
  private record Saved(String name, long instance, long version, String hex, StateDescription is) {
    byte[] bytes() {
      return HexFormat.of().parseHex(hex);
    }
  }

  private static List<Saved> save(Guest guest) throws Exception {
    List<Saved> saved = new ArrayList<>();
    for (GuestDevice device : guest.devices()) {
      ArrayChannel channel = ArrayChannel.sink();
      try (StreamOutput out = new StreamOutput(channel)) {
        StateDescription description = device.save(out);
        out.flush();
        saved.add(
            new Saved(
                device.name(),
                device.instance(),
                device.version(),
                HexFormat.of().formatHex(channel.written()),
                description));
      }
    }
    return saved;
  }

  private static void load(GuestDevice device, byte[] bytes, long version) throws Exception {
    byte[] more = Arrays.copyOf(bytes, bytes.length + 16);
    try (StreamInput in = new StreamInput(ArrayChannel.of(more), device.name())) {
      device.load(in, version);
      assertThat(in.offset()).as("bytes that %s read", device.name()).isEqualTo(bytes.length);
    }
  }

  private Guest ranAWhile() throws Exception {
    Guest guest = running();
    awaitProgress(guest, SOME_STEPS);
    guest.pause();
    return guest;
  }

  @Test
  void aDeviceDescribesWhatItWrote() throws Exception {
    for (Saved device : save(ranAWhile())) {
      assertThat(device.is.bodyBytes()).as(device.name).isEqualTo(device.bytes().length);
      assertThat(device.is.version()).as(device.name).isEqualTo(device.version);
    }
  }

  @Test
  void savedDevicesAreTheSameInAnotherGuestWhichRunsOn() throws Exception {
    Guest source = ranAWhile();
    List<Saved> saved = save(source);
    Guest destination = guest();
    for (int i = 0; i < source.ramBlocks().size(); i++) {
      destination.ramBlocks().get(i).memory().copyFrom(source.ramBlocks().get(i).memory());
    }
    assertThat(destination.devices()).hasSameSizeAs(saved);
    for (int i = 0; i < saved.size(); i++) {
      GuestDevice device = destination.devices().get(i);
      assertThat(device.name()).isEqualTo(saved.get(i).name);
      assertThat(device.instance()).isEqualTo(saved.get(i).instance);
      load(device, saved.get(i).bytes(), saved.get(i).version);
    }
    assertThat(destination.isRunning()).isFalse();
    assertThat(save(destination)).isEqualTo(saved);
    assertMemory(destination, copyOf(source), "after devices were loaded");
    destination.resume();
    awaitProgress(destination, SOME_STEPS);
    assertThat(save(source)).as("the source's devices").isEqualTo(saved);
  }

  @Test
  void aStateThatIsCutShortIsRefused() throws Exception {
    List<Saved> saved = save(ranAWhile());
    Guest destination = guest();
    for (int i = 0; i < saved.size(); i++) {
      byte[] bytes = saved.get(i).bytes();
      GuestDevice device = destination.devices().get(i);
      for (int length : new int[] {0, bytes.length / 2, bytes.length - 1}) {
        if (length >= 0 && length < bytes.length) {
          try (StreamInput in = new StreamInput(ArrayChannel.of(bytes, length), device.name())) {
            assertThatThrownBy(() -> device.load(in, device.version()))
                .as("%d of %d bytes of %s", length, bytes.length, device.name())
                .isInstanceOfAny(IOException.class, GuestException.class);
          }
        }
      }
    }
  }

  // Throttling.

  @Test
  void aThrottledGuestRunsOnAndAStoppedOneStaysSo() throws Exception {
    Guest guest = guest();
    guest.throttle(50);
    assertStandsStill(guest, "after it was throttled");
    guest.resume();
    for (int percent : new int[] {0, 1, 20, 98, 99, 0}) {
      guest.throttle(percent);
      awaitProgress(guest, 5);
      assertThat(guest.isRunning()).isTrue();
    }
    guest.throttle(99);
    guest.pause();
    assertStandsStill(guest, "throttled");
    guest.throttle(0);
    assertStandsStill(guest, "after it was let run freely");
  }

  /** A hundredth of the time is left to it, so a quarter of the steps is far from what is seen. */
  @Test
  void aThrottledGuestIsSlower() throws Exception {
    Guest guest = running();
    double[] free = new double[5];
    double[] throttled = new double[5];
    for (int i = 0; i < free.length; i++) {
      guest.throttle(0);
      free[i] = nanosAStep(guest, 200);
      guest.throttle(99);
      throttled[i] = nanosAStep(guest, 20);
    }
    Arrays.sort(free);
    Arrays.sort(throttled);
    assertThat(throttled[2])
        .as("median of ns a step at 99 %%, of %s, while free %s", throttled[2], free[2])
        .isGreaterThan(4 * free[2]);
  }

  private double nanosAStep(Guest guest, int steps) {
    awaitProgress(guest, 3); // What was before is over.
    long begin = System.nanoTime();
    long from = progress(guest);
    awaitProgress(guest, steps);
    return (double) (System.nanoTime() - begin) / (progress(guest) - from);
  }
}
