package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.rdma.LinkEnd.Role;
import dev.godwit.lab.rdma.LinkEnd.Round;
import dev.godwit.lab.softroce.GuestOutput;
import dev.godwit.lab.softroce.GuestProgram;
import dev.godwit.lab.softroce.SoftRoceVm;
import dev.godwit.lab.softroce.VmOptions;
import dev.godwit.lab.softroce.VmPair;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two VMs with a wire between them that is cut, so that neither is told: both ends of whatever goes
 * on notice by themselves, and the guest runs at one end, or at none and both say so.
 */
final class LinkCutTest {
  /** For all that is no matter of the link: two emulated machines on one real one are slow. */
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  /** Three times the silence after which a peer is probed, and what slow machines take for it. */
  private static final Duration NOTICED = Duration.ofSeconds(90);

  /** Within what an address is given up that nobody answers for, by a JVM that is still cold. */
  private static final Duration UNREACHABLE = Duration.ofMinutes(3);

  private static final Pattern MIGRATION =
      Pattern.compile("ended (\\w+), running (\\w+), sound (\\w+), because of (\\w+): (.*)");

  @TempDir private Path files;

  private final GuestOutput source = new GuestOutput();
  private final GuestOutput destination = new GuestOutput();

  /** What one end says of a migration when it is over. */
  private record End(String state, boolean running, boolean sound, String why, String sentence) {}

  @Test
  @Timeout(value = 9, unit = TimeUnit.MINUTES)
  void bothEndsNoticeByThemselves() throws Exception {
    VmOptions options = VmOptions.standard().withMemory(768).withCpus(1).sharing(files);
    try (VmPair pair = VmPair.start(options)) {
      String to = pair.second().address();
      CompletableFuture<Integer> there = run(pair.second(), Role.DESTINATION, to, destination);
      CompletableFuture<Integer> here = run(pair.first(), Role.SOURCE, to, source);

      before(pair);
      idle(pair);
      during(pair);
      lastPass(pair);
      handover(pair);

      assertThat(there.get(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isZero();
      assertThat(here.get(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isZero();
    } catch (Exception | AssertionError e) {
      e.addSuppressed(
          new AssertionError("source:\n" + source.text() + "destination:\n" + destination.text()));
      throw e;
    }
  }

  private void before(VmPair pair) throws Exception {
    pair.first().cutLink();
    begin(Round.BEFORE);
    End failed = end(source, Round.BEFORE, UNREACHABLE);
    assertThat(failed.why()).isIn("Refused", "TimedOut");
    requireItRunsAtTheSource(failed);
    signal("stop", Round.BEFORE);
    assertThat(end(destination, Round.BEFORE, PATIENCE).running()).isFalse();
    pair.first().restoreLink();
  }

  private void idle(VmPair pair) throws Exception {
    begin(Round.IDLE);
    destination.awaitLine(Round.IDLE + " connected", PATIENCE);
    pair.first().cutLink();
    for (GuestOutput end : List.of(source, destination)) {
      assertThat(ending(end, Round.IDLE, NOTICED)).startsWith("ended with Lost: ");
    }
    pair.first().restoreLink();
  }

  private void during(VmPair pair) throws Exception {
    begin(Round.DURING);
    source.awaitLine(Round.DURING + " moving", PATIENCE);
    pair.first().cutLink();
    requireLost(end(source, Round.DURING, NOTICED), end(destination, Round.DURING, NOTICED));
    pair.first().restoreLink();
  }

  private void lastPass(VmPair pair) throws Exception {
    begin(Round.LAST_PASS);
    source.awaitLine(Round.LAST_PASS + " pausing", PATIENCE);
    pair.first().cutLink();
    signal("cut", Round.LAST_PASS);
    requireLost(end(source, Round.LAST_PASS, NOTICED), end(destination, Round.LAST_PASS, NOTICED));
    pair.first().restoreLink();
  }

  /** The guest runs at the destination, which cannot tell any more, and the source leaves it. */
  private void handover(VmPair pair) throws Exception {
    begin(Round.HANDOVER);
    destination.awaitLine(Round.HANDOVER + " resuming", PATIENCE);
    pair.first().cutLink();
    signal("cut", Round.HANDOVER);
    End here = end(source, Round.HANDOVER, NOTICED);
    assertThat(here.state()).as("%s", here).isEqualTo("UNDECIDED");
    assertThat(here.why()).as("%s", here).isIn("Lost", "TimedOut");
    assertThat(here.running()).isFalse();
    End there = end(destination, Round.HANDOVER, NOTICED);
    assertThat(there.state()).as("%s", there).isEqualTo("COMPLETED");
    assertThat(there.running() && there.sound()).as("%s", there).isTrue();
    pair.first().restoreLink();
  }

  private static void requireLost(End here, End there) {
    assertThat(here.why()).as("%s", here).isIn("Lost", "TimedOut");
    requireItRunsAtTheSource(here);
    assertThat(there.why()).as("%s", there).isIn("Lost", "TimedOut");
    assertThat(there.state()).as("%s", there).isEqualTo("FAILED");
    assertThat(there.running()).isFalse();
  }

  private static void requireItRunsAtTheSource(End here) {
    assertThat(here.state()).as("%s", here).isEqualTo("FAILED");
    assertThat(here.running() && here.sound()).as("%s", here).isTrue();
  }

  /** Nobody dials before somebody listens. */
  private void begin(Round round) throws Exception {
    signal("listen", round);
    destination.awaitLine(round + " waiting", PATIENCE);
    signal("dial", round);
  }

  private void signal(String what, Round round) throws Exception {
    Files.createFile(files.resolve(what + "-" + round));
  }

  private static End end(GuestOutput output, Round round, Duration limit) throws Exception {
    String line = ending(output, round, limit);
    Matcher parts = MIGRATION.matcher(line);
    assertThat(parts.matches()).as(line).isTrue();
    return new End(
        parts.group(1),
        Boolean.parseBoolean(parts.group(2)),
        Boolean.parseBoolean(parts.group(3)),
        parts.group(4),
        parts.group(5));
  }

  /** What it says of the end of a round, once it does, from the word ended on. */
  private static String ending(GuestOutput output, Round round, Duration limit) throws Exception {
    return output.awaitLine(round + " ended ", limit).substring(round.name().length() + 1);
  }

  private CompletableFuture<Integer> run(
      SoftRoceVm vm, Role role, String address, GuestOutput output) {
    return GuestProgram.start(
        vm, LinkEnd.class, files, output, List.of(role.name(), address, files.toString()));
  }
}
