package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Threads;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

final class LedgerTest {
  private static final long MIB = 1 << 20;

  /** Registers at once, and counts. */
  private static final class AtOnce implements Ledger.Loader {
    final List<String> calls = new ArrayList<>();
    final AtomicLong registered = new AtomicLong();
    final AtomicLong most = new AtomicLong();
    Ledger ledger = new Ledger(0, 1, 1, this, () -> {});

    Ledger ledger(long ceiling, long min, long max) {
      ledger = new Ledger(ceiling, min, max, this, () -> {});
      return ledger;
    }

    @Override
    public void load(Extent extent) {
      synchronized (calls) {
        calls.add("+" + extent.offset / MIB + "/" + extent.length / MIB);
      }
      most.accumulateAndGet(registered.addAndGet(extent.length), Math::max);
      extent.registered(1000 + extent.offset, 7, null);
      assertThat(ledger.loaded(extent)).isTrue();
    }

    @Override
    public void unload(Extent extent) {
      assertThat(extent.uses).as("uses of what is evicted").isZero();
      synchronized (calls) {
        calls.add("-" + extent.offset / MIB);
      }
      registered.addAndGet(-extent.length);
      ledger.left(extent);
    }
  }

  private static Area area(String name, long mib) {
    return new Area(0, name, mib * MIB, false);
  }

  private static void touch(Ledger ledger, Area area, long mib) throws ChannelException {
    Extent extent = Objects.requireNonNull(ledger.claim(area, mib * MIB));
    assertThat(extent.isHeld()).isTrue();
    assertThat(extent.address(mib * MIB)).isEqualTo(1000 + mib * MIB);
    ledger.release(extent);
  }

  @Test
  void nothingIsRegisteredBeforeItIsNeededAndThenOnce() throws Exception {
    AtOnce fake = new AtOnce();
    Ledger ledger = fake.ledger(64 * MIB, MIB, MIB);
    Area ram = area("ram", 100);
    assertThat(ledger.bytes()).isZero();
    touch(ledger, ram, 5);
    touch(ledger, ram, 5);
    assertThat(fake.calls).containsExactly("+5/1");
    assertThat(ledger.bytes()).isEqualTo(MIB);
  }

  @Test
  void whatWasUsedLongestAgoLeavesFirst() throws Exception {
    AtOnce fake = new AtOnce();
    Ledger ledger = fake.ledger(4 * MIB, MIB, MIB);
    Area ram = area("ram", 100);
    for (int mib : new int[] {0, 10, 20, 30}) {
      touch(ledger, ram, mib);
    }
    touch(ledger, ram, 0);
    touch(ledger, ram, 40);
    touch(ledger, ram, 50);
    assertThat(fake.calls)
        .containsExactly("+0/1", "+10/1", "+20/1", "+30/1", "-10", "+40/1", "-20", "+50/1");
    assertThat(ledger.evictions()).isEqualTo(2);
  }

  @Test
  void whatIsInUseStays() throws Exception {
    AtOnce fake = new AtOnce();
    Ledger ledger = fake.ledger(4 * MIB, MIB, MIB);
    Area ram = area("ram", 100);
    List<Extent> used = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      used.add(Objects.requireNonNull(ledger.claim(ram, i * MIB)));
    }
    assertThat(ledger.claim(ram, 50 * MIB)).as("there is no room").isNull();
    ledger.release(used.get(2));
    touch(ledger, ram, 50);
    assertThat(fake.calls).endsWith("-2", "+50/1");
  }

  @Test
  void chunksGrowWhileRequestsFollowOneAnotherAndShrinkWhenTheyJump() throws Exception {
    AtOnce fake = new AtOnce();
    Ledger ledger = fake.ledger(1L << 40, MIB, 16 * MIB);
    Area ram = area("ram", 1 << 20);
    for (int mib = 0; mib < 64; mib++) {
      touch(ledger, ram, mib);
    }
    assertThat(fake.calls)
        .containsExactly("+0/1", "+1/1", "+2/2", "+4/4", "+8/8", "+16/16", "+32/16", "+48/16");
    fake.calls.clear();
    for (int mib : new int[] {1000, 50_000, 3000, 90_000, 7001}) {
      touch(ledger, ram, mib);
    }
    assertThat(fake.calls).containsExactly("+1000/8", "+50000/4", "+3000/2", "+90000/1", "+7001/1");
  }

  @Test
  void chunksGrowDownwardsToo() throws Exception {
    AtOnce fake = new AtOnce();
    Ledger ledger = fake.ledger(1L << 40, MIB, 16 * MIB);
    Area ram = area("ram", 64);
    for (int mib = 63; mib >= 0; mib--) {
      touch(ledger, ram, mib);
    }
    assertThat(fake.calls).hasSizeLessThan(12);
    assertThat(ledger.bytes()).isEqualTo(64 * MIB);
  }

  @Test
  void aRegionThatEndsWithinAChunkIsRegisteredToItsEnd() throws Exception {
    AtOnce fake = new AtOnce();
    Ledger ledger = fake.ledger(8 * MIB, MIB, MIB);
    Area odd = new Area(0, "odd", MIB + 5, false);
    Extent last = Objects.requireNonNull(ledger.claim(odd, MIB + 4));
    assertThat(last.offset).isEqualTo(MIB);
    assertThat(last.length).isEqualTo(5);
  }

  @Test
  void theCeilingIsNeverExceededByManyAtOnce() throws Exception {
    Seed seed = Seed.of("theCeilingIsNeverExceededByManyAtOnce");
    AtOnce fake = new AtOnce();
    Ledger ledger = fake.ledger(24 * MIB, MIB, 4 * MIB);
    Area one = area("one", 200);
    Area two = area("two", 300);
    Threads.Body[] bodies = new Threads.Body[4];
    for (int t = 0; t < bodies.length; t++) {
      Random random = seed.random(t);
      bodies[t] =
          () -> {
            Deque<Extent> held = new ArrayDeque<>();
            for (int i = 0; i < 20_000; i++) {
              Area area = random.nextBoolean() ? one : two;
              long at = random.nextInt(4) == 0 ? random.nextLong(area.length()) : i * 100L;
              Extent extent = ledger.claim(area, at);
              if (extent != null) {
                held.add(extent);
              }
              while (held.size() > 3 || (extent == null && !held.isEmpty())) {
                ledger.release(held.remove());
              }
            }
            held.forEach(ledger::release);
          };
    }
    Threads.run(bodies);
    assertThat(fake.most.get()).as("%s", seed).isLessThanOrEqualTo(24 * MIB);
    assertThat(ledger.bytes()).as("%s", seed).isEqualTo(fake.registered.get());
    assertThat(ledger.evictions()).isPositive();
    ledger.drop(one);
    ledger.drop(two);
    assertThat(ledger.bytes()).isZero();
  }

  /** Answers later, as a peer does. */
  private static final class Later implements Ledger.Loader {
    final Deque<Extent> loading = new ArrayDeque<>();
    final Deque<Extent> unloading = new ArrayDeque<>();
    int changes;
    final Ledger ledger = new Ledger(4 * MIB, MIB, MIB, this, () -> changes++);

    @Override
    public void load(Extent extent) {
      loading.add(extent);
    }

    @Override
    public void unload(Extent extent) {
      unloading.add(extent);
    }
  }

  @Test
  void whatLeavesCountsUntilItIsGone() throws Exception {
    Later peer = new Later();
    Area ram = area("ram", 100);
    for (int i = 0; i < 4; i++) {
      Extent extent = Objects.requireNonNull(peer.ledger.claim(ram, i * MIB));
      assertThat(extent.isHeld()).isFalse();
      assertThat(peer.ledger.claim(ram, i * MIB)).as("asked for once").isSameAs(extent);
      peer.loading.remove().registered(1, 2, null);
      assertThat(peer.ledger.loaded(extent)).isTrue();
      peer.ledger.release(extent);
      peer.ledger.release(extent);
    }
    assertThat(peer.ledger.claim(ram, 9 * MIB)).isNull();
    assertThat(peer.unloading).hasSize(1);
    assertThat(peer.ledger.claim(ram, 9 * MIB)).as("it has not left yet").isNull();
    assertThat(peer.unloading).as("and is told so once").hasSize(1);
    assertThat(peer.ledger.claim(ram, 0)).as("nor can it be used any more").isNull();
    assertThat(peer.ledger.bytes()).isEqualTo(4 * MIB);
    int changes = peer.changes;
    peer.ledger.left(peer.unloading.remove());
    assertThat(peer.changes).isGreaterThan(changes);
    assertThat(peer.ledger.claim(ram, 9 * MIB)).isNotNull();
    assertThat(peer.ledger.bytes()).isEqualTo(4 * MIB);
  }

  @Test
  void aFailedRegistrationIsToldAndMayBeTriedAgain() throws Exception {
    Later peer = new Later();
    Area ram = area("ram", 100);
    Extent first = Objects.requireNonNull(peer.ledger.claim(ram, 0));
    peer.ledger.failed(first, new ChannelException.Lost("The test"));
    assertThat(first.state).isEqualTo(Extent.State.GONE);
    assertThat(first.failure).hasMessage("The test");
    assertThat(peer.ledger.loaded(first)).isFalse();
    assertThat(peer.ledger.bytes()).isZero();
    assertThat(peer.ledger.claim(ram, 0)).isNotSameAs(first);
  }

  @Test
  void aDroppedRegionIsClaimedNoMore() throws Exception {
    Later peer = new Later();
    Area ram = area("ram", 100);
    Extent extent = Objects.requireNonNull(peer.ledger.claim(ram, 0));
    peer.ledger.close(ram);
    assertThat(peer.ledger.isInUse(ram)).isTrue();
    assertThatThrownBy(() -> peer.ledger.claim(ram, 0)).isInstanceOf(IllegalStateException.class);
    assertThat(peer.ledger.drop(ram)).containsExactly(extent);
    peer.ledger.release(extent);
    assertThat(peer.ledger.isInUse(ram)).isFalse();
    assertThat(peer.ledger.loaded(extent)).isFalse();
    assertThat(peer.ledger.bytes()).isZero();
  }

  @Test
  void pinnedPartsAreUsedAndNeverEvicted() throws Exception {
    Later peer = new Later();
    Area ram = new Area(0, "ram", 100 * MIB, true);
    assertThat(peer.ledger.claim(ram, 0)).as("nothing is asked for").isNull();
    assertThat(peer.loading).isEmpty();
    Extent piece = Objects.requireNonNull(peer.ledger.pin(ram, 0, 50 * MIB));
    assertThat(peer.ledger.pin(ram, 49 * MIB, 2 * MIB)).as("an overlap").isNull();
    piece.registered(0, 1, null);
    assertThat(peer.ledger.loaded(piece)).isTrue();
    assertThat(peer.ledger.claim(ram, 49 * MIB)).isSameAs(piece);
    assertThat(peer.ledger.claim(ram, 50 * MIB)).isNull();
    assertThat(peer.ledger.bytes()).isEqualTo(50 * MIB);
  }
}
