package dev.godwit.migration.dirty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.migration.guest.DirtyLog;
import dev.godwit.migration.guest.DirtyRuns;
import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.migration.guest.GuestException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class DirtyMemoryTest {
  private static final int PAGE = 4096;

  private record Run(int block, long offset, long length) {}

  /** A guest whose log holds what the test puts there, and which notes what is done to it. */
  private static final class ScriptedGuest implements Guest, DirtyLog {
    private final List<RamBlock> blocks =
        List.of(
            new RamBlock("small", MemorySegment.ofArray(new byte[100 * PAGE]), PAGE),
            new RamBlock("large", MemorySegment.ofArray(new byte[10 * 65_536]), 65_536));
    private final List<Run> dirty = new ArrayList<>();
    private final List<String> calls = new ArrayList<>();
    private boolean atomic = true;
    private boolean running = true;
    private int failingBlock = -1;
    private @Nullable GuestException failingResume;

    @Override
    public String machine() {
      return "scripted-1";
    }

    @Override
    public List<RamBlock> ramBlocks() {
      return blocks;
    }

    @Override
    public DirtyLog dirtyLog() {
      return this;
    }

    @Override
    public List<GuestDevice> devices() {
      return List.of();
    }

    @Override
    public boolean isRunning() {
      return running;
    }

    @Override
    public void pause() {
      calls.add("pause");
      running = false;
    }

    @Override
    public void resume() throws GuestException {
      calls.add("resume");
      if (failingResume != null) {
        throw failingResume;
      }
      running = true;
    }

    @Override
    public void throttle(int percent) {}

    @Override
    public void start() {
      calls.add("start");
      dirty.clear();
    }

    @Override
    public void stop() {
      calls.add("stop");
    }

    @Override
    public boolean isAtomic() {
      return atomic;
    }

    @Override
    public void takeAndClear(int block, DirtyRuns found) throws GuestException {
      calls.add("take " + block);
      assertThat(running && !atomic).as("runs while its log is taken").isFalse();
      for (Run run : List.copyOf(dirty)) {
        if (run.block == block) {
          found.run(run.offset, run.length);
          dirty.remove(run);
        }
        if (block == failingBlock) {
          throw new GuestException("The log of block " + block + " is broken");
        }
      }
    }

    void dirty(int block, long firstPage, long pages) {
      int pageBytes = blocks.get(block).pageBytes();
      dirty.add(new Run(block, firstPage * pageBytes, pages * pageBytes));
    }

    List<String> takeCalls() {
      List<String> taken = List.copyOf(calls);
      calls.clear();
      return taken;
    }
  }

  private final ScriptedGuest guest = new ScriptedGuest();
  private final DirtyMemory memory = new DirtyMemory(guest);

  private static List<Run> take(DirtyMemory.Client client) throws IOException {
    List<Run> runs = new ArrayList<>();
    for (int block = 0; block < 2; block++) {
      int number = block;
      client.takeRuns(block, (offset, length) -> runs.add(new Run(number, offset, length)));
    }
    return runs;
  }

  @Test
  void changesAreDirtyAfterASyncAndTakenOnce() throws Exception {
    try (DirtyMemory.Client client = memory.open()) {
      guest.dirty(0, 4, 2);
      guest.dirty(0, 6, 1);
      guest.dirty(1, 9, 1);
      assertThat(take(client)).isEmpty();
      client.sync();
      assertThat(client.dirtyBytes()).isEqualTo(3 * PAGE + 65_536);
      assertThat(take(client))
          .containsExactly(new Run(0, 4 * PAGE, 3 * PAGE), new Run(1, 9 * 65_536, 65_536));
      assertThat(client.dirtyBytes()).isZero();
      assertThat(take(client)).isEmpty();
      guest.dirty(0, 4, 1);
      client.sync();
      client.sync();
      assertThat(client.dirtyBytes()).isEqualTo(PAGE);
      assertThat(client.markedBytes()).isEqualTo(4 * PAGE + 65_536);
    }
  }

  @Test
  void theLogRunsFromTheFirstClientToTheLast() throws Exception {
    assertThat(guest.takeCalls()).isEmpty();
    DirtyMemory.Client first = memory.open();
    assertThat(guest.takeCalls()).containsExactly("start");
    DirtyMemory.Client second = memory.open();
    assertThat(guest.takeCalls()).containsExactly("take 0", "take 1");
    first.close();
    first.close();
    assertThat(guest.takeCalls()).isEmpty();
    second.close();
    assertThat(guest.takeCalls()).containsExactly("stop");
    DirtyMemory.Client third = memory.open();
    third.close();
    assertThat(guest.takeCalls()).containsExactly("start", "stop");
    assertThatThrownBy(first::sync).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> take(first)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void clientsSeeTheSameChangesAndTakeTheirOwn() throws Exception {
    try (DirtyMemory.Client first = memory.open()) {
      guest.dirty(0, 1, 1);
      try (DirtyMemory.Client second = memory.open()) {
        assertThat(second.dirtyBytes()).isZero();
        assertThat(first.dirtyBytes()).isEqualTo(PAGE);
        guest.dirty(0, 7, 1);
        second.sync();
        assertThat(take(first)).containsExactly(new Run(0, PAGE, PAGE), new Run(0, 7 * PAGE, PAGE));
        assertThat(take(second)).containsExactly(new Run(0, 7 * PAGE, PAGE));
        assertThat(first.markedBytes()).isEqualTo(2 * PAGE);
        assertThat(second.markedBytes()).isEqualTo(PAGE);
      }
    }
  }

  @Test
  void aRunningGuestIsPausedWhereItsLogIsNotAtomic() throws Exception {
    guest.atomic = false;
    DirtyMemory.Client client = memory.open();
    guest.takeCalls();
    client.sync();
    assertThat(guest.takeCalls()).containsExactly("pause", "take 0", "take 1", "resume");
    memory.pause();
    guest.takeCalls();
    client.sync();
    assertThat(guest.takeCalls()).containsExactly("take 0", "take 1");
    assertThat(guest.running).isFalse();
    memory.resume();
    assertThat(guest.running).isTrue();
  }

  @Test
  void whatWasToldBeforeAFailureIsMarkedAndTheGuestRunsOn() throws Exception {
    guest.atomic = false;
    DirtyMemory.Client client = memory.open();
    guest.dirty(0, 3, 1);
    guest.dirty(1, 2, 1);
    guest.failingBlock = 1;
    assertThatThrownBy(client::sync).isInstanceOf(GuestException.class).hasMessageContaining("1");
    assertThat(guest.running).isTrue();
    assertThat(client.dirtyBytes()).isEqualTo(PAGE + 65_536);
    guest.failingBlock = -1;
    client.sync();
    assertThat(take(client))
        .containsExactly(new Run(0, 3 * PAGE, PAGE), new Run(1, 131_072, 65_536));
  }

  @Test
  void aResumeThatFailsIsToldAndHidesNoEarlierFailure() throws Exception {
    guest.atomic = false;
    DirtyMemory.Client client = memory.open();
    GuestException failure = new GuestException("The guest cannot run on");
    guest.failingResume = failure;
    assertThatThrownBy(client::sync).isSameAs(failure);
    guest.running = true;
    guest.dirty(0, 0, 1);
    guest.failingBlock = 0;
    assertThatThrownBy(client::sync)
        .hasMessageContaining("broken")
        .satisfies(e -> assertThat(e.getSuppressed()).containsExactly(failure));
  }

  @Test
  void aRunThatIsNoneIsRefused() throws Exception {
    DirtyMemory.Client client = memory.open();
    for (Run run :
        List.of(
            new Run(0, 100, PAGE),
            new Run(0, 0, 100),
            new Run(0, 99 * PAGE, 2 * PAGE),
            new Run(0, -PAGE, PAGE),
            new Run(1, 0, PAGE))) {
      guest.dirty.clear();
      guest.dirty.add(run);
      assertThatThrownBy(client::sync)
          .as("%s", run)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("The dirty log reports");
    }
    assertThat(client.dirtyBytes()).isZero();
  }

  @Test
  void whatATakerThatFailsDidNotTakeStaysDirty() throws Exception {
    DirtyMemory.Client client = memory.open();
    guest.dirty(0, 3, 1);
    guest.dirty(0, 5, 2);
    client.sync();
    assertThatThrownBy(
            () ->
                client.takeRuns(
                    0,
                    (offset, length) -> {
                      assertThat(client.dirtyBytes()).isEqualTo(2 * PAGE);
                      throw new IOException("No more");
                    }))
        .isInstanceOf(IOException.class);
    assertThat(client.dirtyBytes()).isEqualTo(3 * PAGE);
    assertThat(take(client))
        .containsExactly(new Run(0, 3 * PAGE, PAGE), new Run(0, 5 * PAGE, 2 * PAGE));
  }

  @Test
  void anotherClientSyncsWhileOneTakes() throws Exception {
    try (DirtyMemory.Client taking = memory.open();
        DirtyMemory.Client other = memory.open()) {
      guest.dirty(0, 3, 1);
      taking.sync();
      taking.takeRuns(
          0,
          (offset, length) -> {
            guest.dirty(0, 3, 1);
            try {
              other.sync();
            } catch (GuestException e) {
              throw new IOException(e);
            }
          });
      assertThat(take(taking)).containsExactly(new Run(0, 3 * PAGE, PAGE));
    }
  }
}
