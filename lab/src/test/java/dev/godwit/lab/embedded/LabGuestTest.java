package dev.godwit.lab.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class LabGuestTest {
  private static final long RAM = 8 << 20;
  private static final long HUGE = 4 << 20;
  private static final int PAGE = 4096;

  private final Seed seed = Seed.of("LabGuestTest");
  private final Random random = seed.random();

  private LabSpec spec(DirtyShape shape) {
    return LabSpec.of(RAM, shape, 0).withHuge(HUGE).withSeed(seed.value());
  }

  /** Returns when the guest stands after that many more writes. */
  private static void runOn(LabGuest guest, long writes) throws GuestException {
    long begin = guest.writes();
    long ticks = guest.clock().ticks();
    guest.resume();
    Await.until(
        "the guest writes",
        () -> guest.writes() - begin >= writes && guest.clock().ticks() > ticks + 2);
    guest.pause();
  }

  private static void loadAll(Device.State[] states, LabGuest into) throws Exception {
    for (int i = 0; i < states.length; i++) {
      Device.load(into.devices().get(i), states[i]);
    }
  }

  private static Device.State[] saveAll(LabGuest guest) throws Exception {
    Device.State[] states = new Device.State[guest.devices().size()];
    for (int i = 0; i < states.length; i++) {
      states[i] = Device.save(guest.devices().get(i));
    }
    return states;
  }

  private static void copyMemory(LabGuest from, LabGuest into) {
    for (int i = 0; i < from.ramBlocks().size(); i++) {
      into.ramBlocks().get(i).memory().copyFrom(from.ramBlocks().get(i).memory());
    }
  }

  private void expectSound(LabGuest guest) {
    Verification found = guest.verify();
    assertThat(found.isSound()).as("%s, seed %s", found, seed).isTrue();
  }

  private void expectFault(LabGuest guest, String part) {
    Verification found = guest.verify();
    assertThat(found.isSound()).as("seed %s", seed).isFalse();
    assertThat(found.toString()).as("seed %s", seed).contains(part);
  }

  /** A page whose records were written after {@code before} was taken of it. */
  private MemorySegment changedPage(LabGuest guest, byte[] before) {
    MemorySegment memory = guest.ramBlocks().getFirst().memory();
    MemorySegment old = MemorySegment.ofArray(before);
    int pages = (int) (RAM / PAGE);
    int first = random.nextInt(pages);
    for (int i = 0; i < pages; i++) {
      long at = (long) ((first + i) % pages) * PAGE;
      if (MemorySegment.mismatch(memory, at, at + PAGE, old, at, at + PAGE) >= 0) {
        return memory.asSlice(at, PAGE);
      }
    }
    throw new AssertionError("Nothing has changed, seed " + seed);
  }

  private static byte[] copyOfRam(LabGuest guest) {
    return guest.ramBlocks().getFirst().memory().toArray(ValueLayout.JAVA_BYTE);
  }

  private static long offsetOf(MemorySegment page, LabGuest guest) {
    return page.address() - guest.ramBlocks().getFirst().memory().address();
  }

  @ParameterizedTest
  @EnumSource(DirtyShape.class)
  void itFindsItselfSoundAfterRunning(DirtyShape shape) throws Exception {
    try (LabGuest guest = LabGuest.create(spec(shape))) {
      expectSound(guest);
      long print = guest.fingerprint();
      for (int i = 0; i < 3; i++) {
        runOn(guest, shape == DirtyShape.IDLE ? 0 : 20_000 + random.nextInt(20_000));

        expectSound(guest);
        Verification found = guest.verify();
        assertThat(found.recordsChecked() * GuestRecord.BYTES + found.zeroBytesChecked())
            .isEqualTo(RAM + HUGE);
      }
      assertThat(guest.fingerprint() == print).isEqualTo(shape == DirtyShape.IDLE);
    }
  }

  @Test
  void aFlippedBitIsNoticedWhereverItIs() throws Exception {
    try (LabGuest guest = LabGuest.create(spec(DirtyShape.UNIFORM))) {
      runOn(guest, 10_000);
      for (int i = 0; i < 20; i++) {
        RamBlock block = guest.ramBlocks().get(random.nextInt(2));
        long at = random.nextLong(block.lengthBytes());
        byte was = block.memory().get(ValueLayout.JAVA_BYTE, at);
        block.memory().set(ValueLayout.JAVA_BYTE, at, (byte) (was ^ 1 << random.nextInt(8)));

        Verification found = guest.verify();
        assertThat(found.faults()).as("byte %d of %s, seed %s", at, block, seed).isEqualTo(1);
        assertThat(found.firstFaults().getFirst()).contains(block.name());

        block.memory().set(ValueLayout.JAVA_BYTE, at, was);
      }
      expectSound(guest);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"UNIFORM", "HOT_SET", "SEQUENTIAL"})
  void aPageOfAnEarlierPassIsNoticed(DirtyShape shape) throws Exception {
    try (LabGuest guest = LabGuest.create(spec(shape))) {
      runOn(guest, 5_000);
      byte[] before = copyOfRam(guest);
      runOn(guest, 100);
      MemorySegment page = changedPage(guest, before);
      MemorySegment.copy(
          MemorySegment.ofArray(before), offsetOf(page, guest), page, 0, page.byteSize());

      assertThat(guest.verify().isSound()).as("seed %s", seed).isFalse();
    }
  }

  @Test
  void oneWriteThatIsMissingIsNoticed() throws Exception {
    try (LabGuest guest = LabGuest.create(spec(DirtyShape.SEQUENTIAL))) {
      runOn(guest, 5_000);
      byte[] before = copyOfRam(guest);
      runOn(guest, 1);
      MemorySegment page = changedPage(guest, before);
      long at = offsetOf(page, guest);
      long record =
          page.mismatch(MemorySegment.ofArray(before).asSlice(at, PAGE))
              / GuestRecord.BYTES
              * GuestRecord.BYTES;
      MemorySegment.copy(
          MemorySegment.ofArray(before), at + record, page, record, GuestRecord.BYTES);

      assertThat(guest.verify().faults()).as("seed %s", seed).isEqualTo(1);
    }
  }

  @Test
  void aPageThatIsZeroAndOneThatIsNotAreNoticed() throws Exception {
    try (LabGuest guest = LabGuest.create(spec(DirtyShape.UNIFORM))) {
      byte[] before = copyOfRam(guest);
      runOn(guest, 5_000);
      MemorySegment page = changedPage(guest, before);
      byte[] was = page.toArray(ValueLayout.JAVA_BYTE);
      page.fill((byte) 0);
      expectFault(guest, "is zero");

      page.copyFrom(MemorySegment.ofArray(was));
      expectSound(guest);
      MemorySegment memory = guest.ramBlocks().getFirst().memory();
      MemorySegment zero = firstZeroPage(memory);
      zero.copyFrom(MemorySegment.ofArray(was));
      expectFault(guest, "zero");
    }
  }

  private MemorySegment firstZeroPage(MemorySegment memory) {
    MemorySegment zeroes = MemorySegment.ofArray(new byte[PAGE]);
    for (long at = 0; at < memory.byteSize(); at += PAGE) {
      MemorySegment page = memory.asSlice(at, PAGE);
      if (page.mismatch(zeroes) < 0) {
        return page;
      }
    }
    throw new AssertionError("No page is zero, seed " + seed);
  }

  @Test
  void twoPagesThatWereSwappedAreNoticed() throws Exception {
    try (LabGuest guest = LabGuest.create(spec(DirtyShape.IDLE))) {
      MemorySegment memory = guest.ramBlocks().getFirst().memory();
      MemorySegment one = memory.asSlice(0, PAGE);
      MemorySegment other = memory.asSlice(PAGE, PAGE);
      byte[] was = one.toArray(ValueLayout.JAVA_BYTE);
      one.copyFrom(other);
      other.copyFrom(MemorySegment.ofArray(was));

      expectFault(guest, "belongs to processor");
    }
  }

  @Test
  void anyDeviceOfAnEarlierPassIsNoticed() throws Exception {
    try (LabGuest guest = LabGuest.create(spec(DirtyShape.UNIFORM))) {
      runOn(guest, 5_000);
      Device.State[] before = saveAll(guest);
      runOn(guest, 100);
      Device.State[] now = saveAll(guest);
      for (int i = 0; i < now.length; i++) {
        Device.load(guest.devices().get(i), before[i]);
        assertThat(guest.verify().isSound()).as("device %d, seed %s", i, seed).isFalse();
        Device.load(guest.devices().get(i), now[i]);
        expectSound(guest);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(DirtyShape.class)
  void aCopyGoesOnWhereTheFirstStood(DirtyShape shape) throws Exception {
    try (LabGuest first = LabGuest.create(spec(shape));
        LabGuest second = LabGuest.empty(spec(shape))) {
      runOn(first, shape == DirtyShape.IDLE ? 0 : 20_000);
      copyMemory(first, second);
      loadAll(saveAll(first), second);

      assertThat(first.difference(second)).isEmpty();
      assertThat(second.fingerprint()).isEqualTo(first.fingerprint());
      expectSound(second);
      assertThat(saveAll(second)).isEqualTo(saveAll(first));
      runOn(second, shape == DirtyShape.IDLE ? 0 : 20_000);
      expectSound(second);
      assertThat(second.writes()).isGreaterThanOrEqualTo(first.writes());
      assertThat(second.clock().lastGap()).isPositive();
      assertThat(second.clock().longestGap()).isGreaterThanOrEqualTo(second.clock().lastGap());
      if (shape != DirtyShape.IDLE) {
        assertThat(first.difference(second)).isPresent();
      }
    }
  }

  @Test
  void aGuestThatIsNotWhollyLoadedDoesNotRun() throws Exception {
    try (LabGuest first = LabGuest.create(spec(DirtyShape.UNIFORM));
        LabGuest second = LabGuest.empty(spec(DirtyShape.UNIFORM))) {
      Device.State[] states = saveAll(first);
      for (int i = 0; i < states.length; i++) {
        assertThatThrownBy(second::resume)
            .isInstanceOf(GuestException.class)
            .hasMessageContaining("has not been loaded");
        assertThat(second.isRunning()).isFalse();
        Device.load(second.devices().get(i), states[i]);
      }
      copyMemory(first, second);
      second.resume();
      assertThat(second.isRunning()).isTrue();
    }
  }

  @Test
  void theStateOfAnotherKindOfGuestIsRefused() throws Exception {
    try (LabGuest first = LabGuest.create(spec(DirtyShape.UNIFORM));
        LabGuest second = LabGuest.empty(spec(DirtyShape.UNIFORM).withSeed(seed.value() + 1))) {
      GuestDevice device = second.devices().getFirst();
      Device.State state = Device.save(first.devices().getFirst());
      assertThatThrownBy(() -> Device.load(device, state))
          .isInstanceOf(StreamException.class)
          .hasMessageContaining("Field guest of lab-vcpu");
    }
  }

  @Test
  void allThatWasWrittenIsInTheLog() throws Exception {
    try (LabGuest guest = LabGuest.create(spec(DirtyShape.HOT_SET));
        LabGuest shadow = LabGuest.empty(spec(DirtyShape.HOT_SET))) {
      guest.dirtyLog().start();
      copyMemory(guest, shadow);
      guest.resume();
      for (int i = 0; i < 10; i++) {
        long begin = guest.writes();
        Await.until("the guest writes", () -> guest.writes() - begin > 2_000);
        copyDirty(guest, shadow);
      }
      guest.pause();
      copyDirty(guest, shadow);
      guest.dirtyLog().stop();

      assertThat(guest.difference(shadow)).as("seed %s", seed).isEmpty();
      loadAll(saveAll(guest), shadow);
      expectSound(shadow);
    }
  }

  private static void copyDirty(LabGuest from, LabGuest into) throws GuestException {
    for (int i = 0; i < from.ramBlocks().size(); i++) {
      MemorySegment source = from.ramBlocks().get(i).memory();
      MemorySegment target = into.ramBlocks().get(i).memory();
      from.dirtyLog()
          .takeAndClear(
              i, (offset, length) -> MemorySegment.copy(source, offset, target, offset, length));
    }
  }

  @Test
  void aThrottledGuestWritesLessAndGoesOn() throws Exception {
    try (LabGuest guest = LabGuest.create(spec(DirtyShape.UNIFORM))) {
      long free = writesInSlices(guest);
      guest.throttle(99);
      long throttled = writesInSlices(guest);
      guest.throttle(0);

      assertThat(throttled).isPositive().isLessThan(free / 4);
      assertThatThrownBy(() -> guest.throttle(100)).isInstanceOf(GuestException.class);
    }
  }

  /** How often it writes while time is taken away twenty times. */
  private static long writesInSlices(LabGuest guest) throws GuestException {
    guest.resume();
    long begin = guest.writes();
    long start = System.nanoTime();
    Await.until("time passes", () -> System.nanoTime() - start > 200_000_000);
    guest.pause();
    return guest.writes() - begin;
  }

  @Test
  void closingEndsItsThreads(@TempDir Path scratch) throws Exception {
    Leaks leaks = Leaks.baseline(scratch);
    LabGuest guest = LabGuest.create(spec(DirtyShape.UNIFORM));
    guest.resume();
    guest.close();
    guest.close();
    leaks.awaitNone();
    assertThatThrownBy(guest::resume).isInstanceOf(GuestException.class);
  }
}
