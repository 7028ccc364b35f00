package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * QEMUs that say what no QEMU says, in the middle of a migration, to our destination and to our
 * source: each ends in bounded time, unharmed or with a failure of the right kind, without a byte
 * where none was to be, and with nothing left.
 */
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class QemuHostilePeerTest {
  /** Messages, to each of the two sides. */
  private static final int DAMAGED = 5_000;

  private static final int WARM_UP = 20;

  /** One conversation, and what became of our side. */
  private interface Conversation {
    String hold(int number, AtomicInteger damaged) throws Exception;
  }

  private static void hold(Seed seed, Path scratch, Conversation conversation) throws Exception {
    for (int i = 0; i < WARM_UP; i++) {
      conversation.hold(-1 - i, new AtomicInteger());
    }
    Leaks leaks = Leaks.baseline(scratch);
    Map<String, Integer> ends = new TreeMap<>();
    AtomicInteger damaged = new AtomicInteger();
    for (int i = 0; damaged.get() < DAMAGED; i++) {
      ends.merge(conversation.hold(i, damaged), 1, Integer::sum);
    }
    System.out.println(damaged + " messages are damaged: " + ends);
    assertThat(ends).as("%s", seed).containsKeys("Lost", QemuConversation.UNHARMED, "Violated");
    leaks.awaitNone();
  }

  @Test
  void aDestinationBearsAnySource(@TempDir Path scratch) throws Exception {
    Seed seed = Seed.of("aDestinationBearsAnySource");
    try (GuardedMemory memory =
            new GuardedMemory(QemuConversation.VGA_BYTES, QemuConversation.RAM_BYTES);
        GuardedMemory theirs = new GuardedMemory(1 << 20)) {
      hold(seed, scratch, (number, damaged) -> source(seed, number, damaged, memory, theirs));
    }
  }

  private static String source(
      Seed seed, int number, AtomicInteger damaged, GuardedMemory memory, GuardedMemory theirs)
      throws Exception {
    Random random = seed.random(number);
    String what = "conversation " + number + " of seed " + seed;
    boolean pinAll = random.nextInt(4) == 0;
    RawQemu raw = RawQemu.source(random.nextLong(), pinAll);
    String end;
    try (raw;
        Registration from = raw.domain.register(theirs.block(0), Domain.Rights.READ)) {
      Task<Boolean> task =
          Task.start("destination", () -> QemuConversation.receive(raw.channel, memory));
      QemuConversation.say(raw.wire, QemuConversation.damaged(random), random, from, damaged);
      raw.queuePair.disconnect();
      end = QemuConversation.end(task, what);
    }
    assertThat(raw.fabric.registrations()).as(what).isZero();
    assertThat(raw.peer.statistics().bytes()).as(what).isZero();
    assertThat(raw.peer.statistics().mostBytes())
        .as(what)
        .isLessThanOrEqualTo(QemuConversation.RAM_BYTES + QemuConversation.VGA_BYTES);
    memory.assertGuarded(what);
    return end;
  }

  @Test
  void aSourceBearsAnyDestination(@TempDir Path scratch) throws Exception {
    Seed seed = Seed.of("aSourceBearsAnyDestination");
    try (GuardedMemory memory =
            new GuardedMemory(QemuConversation.VGA_BYTES, QemuConversation.RAM_BYTES);
        GuardedMemory theirs =
            new GuardedMemory(QemuConversation.VGA_BYTES, QemuConversation.RAM_BYTES)) {
      hold(seed, scratch, (number, damaged) -> destination(seed, number, damaged, memory, theirs));
    }
  }

  private static String destination(
      Seed seed, int number, AtomicInteger damaged, GuardedMemory memory, GuardedMemory theirs)
      throws Exception {
    Random random = seed.random(number);
    String what = "conversation " + number + " of seed " + seed;
    boolean pinAll = random.nextInt(4) == 0;
    Io.fill(memory.block(0), 0, Io.bytes(random, QemuConversation.VGA_BYTES));
    Io.fill(
        memory.block(1),
        QemuConversation.RAM_BYTES - QemuConversation.PAGE,
        Io.bytes(random, QemuConversation.PAGE));
    RawQemu raw = RawQemu.destination(random.nextLong(), pinAll);
    String end;
    try (raw;
        Registration vga = raw.domain.register(theirs.block(0), Domain.Rights.REMOTE_WRITE);
        Registration ram = raw.domain.register(theirs.block(1), Domain.Rights.REMOTE_WRITE)) {
      Task<Boolean> task = Task.start("source", () -> QemuConversation.send(raw.channel, memory));
      new QemuConversation.Answering(raw.wire, random, List.of(vga, ram), damaged).toTheEnd(task);
      raw.queuePair.disconnect();
      end = QemuConversation.end(task, what);
    }
    assertThat(raw.fabric.registrations()).as(what).isZero();
    assertThat(raw.peer.statistics().bytes()).as(what).isZero();
    theirs.assertGuarded(what);
    if (end.equals(QemuConversation.UNHARMED)) {
      assertThat(theirs.block(0).mismatch(memory.block(0))).as(what).isEqualTo(-1);
    }
    return end;
  }
}
