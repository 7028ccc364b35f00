package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.rdma.QemuLinkEnd.Role;
import dev.godwit.lab.rdma.QemuLinkEnd.Round;
import dev.godwit.lab.softroce.GuestOutput;
import dev.godwit.lab.softroce.GuestProgram;
import dev.godwit.lab.softroce.SoftRoceVm;
import dev.godwit.lab.softroce.VmOptions;
import dev.godwit.lab.softroce.VmPair;
import dev.godwit.transport.testkit.Seed;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A real QEMU and Godwit in two VMs, with a wire between them that is cut, so that neither is told.
 * QEMU's source waits for ever; Godwit notices by itself, at either end. The guest goes on where it
 * was: once its source is told to cancel, or at once where {@code godwit send} drives it.
 */
final class QemuLinkCutTest {
  /** For all that is no matter of the link: two emulated machines on one real one are slow. */
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  /** Three times the silence after which a peer is probed, and what slow machines take for it. */
  private static final Duration NOTICED = Duration.ofSeconds(60);

  /** Each direction with a version by chance, or all. */
  private static final List<Round> ROUNDS = rounds();

  @TempDir private Path files;

  private final GuestOutput godwit = new GuestOutput();
  private final GuestOutput qemu = new GuestOutput();

  @Test
  @Timeout(value = 9, unit = TimeUnit.MINUTES)
  void godwitNoticesAndTheGuestGoesOn() throws Exception {
    VmOptions options = VmOptions.standard().withMemory(1536).withCpus(1).sharing(files);
    try (VmPair pair = VmPair.start(options)) {
      String here = pair.first().address();
      String there = pair.second().address();
      CompletableFuture<Integer> first = run(pair.first(), Role.GODWIT, here, there, godwit);
      CompletableFuture<Integer> second = run(pair.second(), Role.QEMU, here, there, qemu);
      for (Round round : ROUNDS) {
        cut(pair, round);
      }
      assertThat(first.get(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isZero();
      assertThat(second.get(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isZero();
    } catch (Exception | AssertionError e) {
      e.addSuppressed(new AssertionError("Godwit:\n" + godwit.text() + "QEMU:\n" + qemu.text()));
      throw e;
    }
  }

  private static List<Round> rounds() {
    if (Boolean.getBoolean("godwit.full")) {
      return List.of(Round.values());
    }
    boolean older = Seed.of("QemuLinkCutTest").random().nextBoolean();
    return older
        ? List.of(Round.FROM_7_2, Round.INTO_10_0)
        : List.of(Round.FROM_10_0, Round.INTO_7_2);
  }

  private void cut(VmPair pair, Round round) throws Exception {
    if (round.isFromQemu()) {
      signal("begin", round);
      godwit.awaitLine(round + " listening", PATIENCE);
      signal("start", round);
    } else {
      signal("start", round);
      qemu.awaitLine(round + " waiting", PATIENCE);
      signal("begin", round);
    }
    GuestOutput source = round.isFromQemu() ? qemu : godwit;
    source.awaitLine(round + " moving", PATIENCE);
    pair.first().cutLink();
    String end = godwit.awaitLine(round + " ended ", NOTICED);
    assertThat(end).startsWith(round + " ended with FAILED: ").contains("acknowledged nothing for");
    if (!round.isFromQemu()) {
      assertThat(end).endsWith("; the VM runs on at the source");
    }
    signal("cancel", round);
    assertThat(source.awaitLine(round + " guest ", PATIENCE)).endsWith(" RUNNING");
    pair.first().restoreLink();
  }

  private void signal(String what, Round round) throws Exception {
    Files.createFile(files.resolve(what + "-" + round));
  }

  private CompletableFuture<Integer> run(
      SoftRoceVm vm, Role role, String here, String there, GuestOutput output) {
    List<String> arguments = new ArrayList<>(List.of(role.name(), here, there, files.toString()));
    ROUNDS.forEach(round -> arguments.add(round.name()));
    return GuestProgram.start(vm, QemuLinkEnd.class, files, output, arguments);
  }
}
