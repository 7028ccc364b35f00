package dev.godwit.lab.softroce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;

import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Commands in one VM, one after another. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class SoftRoceVmTest {
  private static final Deadline NEVER = Deadline.never();

  private Path share;
  private SoftRoceVm vm;

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    share = directory;
    vm = SoftRoceVm.start(VmOptions.standard().withMemory(1024).sharing(share));
  }

  @AfterAll
  void end() throws IOException {
    vm.close();
  }

  @Test
  void bothStreamsAndTheStatusComeBack() throws Exception {
    assertThat(Ran.in(vm, "echo out; echo err >&2; echo more; exit 42"))
        .isEqualTo(new Ran(42, "out\nmore\n", "err\n"));
    assertThat(Ran.in(vm, "kill -9 $$").status()).isEqualTo(128 + 9);
  }

  @Test
  void aProgramThatDoesNotExistIsStatus127() throws Exception {
    Ran ran = Ran.in(vm, GuestCommand.of("no-such-program", "x"));

    assertThat(ran.status()).isEqualTo(127);
    assertThat(ran.err()).contains("no-such-program");
    assertThat(Ran.in(vm, GuestCommand.of("true").in(Path.of("/no/such/place"))).status())
        .isEqualTo(126);
  }

  @Test
  void everyByteOfTheOutputComesBack() throws Exception {
    long seed = Long.getLong("godwit.seed", System.nanoTime());
    byte[] bytes = new byte[3 << 20];
    new Random(seed).nextBytes(bytes);
    Files.write(share.resolve("bytes"), bytes);
    GuestOutput out = new GuestOutput();

    int status =
        vm.run(GuestCommand.of("cat", share.resolve("bytes").toString()), out, sink(), NEVER);

    assertThat(status).isZero();
    assertThat(out.bytes()).as("seed %d", seed).isEqualTo(bytes);
  }

  @Test
  void outputIsSeenAndTheShareIsCommonWhileACommandRuns() throws Exception {
    GuestOutput out = new GuestOutput();
    CompletableFuture<Integer> status =
        running(
            vm,
            GuestCommand.shell(
                    "echo begun; until [ -e go ]; do sleep 0.1; done; cat go; echo done >went")
                .in(share),
            out);

    out.await("begun\n");
    assertThat(status).isNotDone();
    Files.writeString(share.resolve("go.new"), "go on\n");
    Files.move(share.resolve("go.new"), share.resolve("go"));

    assertThat(status.get(60, TimeUnit.SECONDS)).isZero();
    assertThat(out.text()).isEqualTo("begun\ngo on\n");
    assertThat(share.resolve("went")).hasContent("done");
  }

  @Test
  void whatIsWrittenElsewhereIsGone(@TempDir Path elsewhere) throws Exception {
    Files.writeString(elsewhere.resolve("file"), "of the host\n");

    Ran ran =
        Ran.in(vm, GuestCommand.shell("cat file; echo of the VM >file; cat file").in(elsewhere));

    assertThat(ran).isEqualTo(new Ran(0, "of the host\nof the VM\n", ""));
    assertThat(elsewhere.resolve("file")).hasContent("of the host");
  }

  @Test
  void whatACommandLeavesBehindEndsWithIt() throws Exception {
    Ran ran = Ran.in(vm, "sleep 1000 & echo $!; setsid sleep 1000 & exit 3");

    assertThat(ran.status()).isEqualTo(3);
    assertThat(Ran.in(vm, "kill -0 " + ran.out()).status()).isNotZero();
    assertThat(Ran.in(vm, "cat /proc/[0-9]*/comm").out().lines()).doesNotContain("sleep");
  }

  @Test
  void anOrdinaryUserHasTheLimitItIsGiven() throws Exception {
    Ran ran =
        Ran.in(
            vm,
            "setpriv --reuid nobody --regid nogroup --clear-groups sh -c 'ulimit -l 64; id -un; ulimit -l; ulimit -l unlimited'");

    assertThat(ran.out()).isEqualTo("nobody\n64\n");
    assertThat(ran.status()).isNotZero();
  }

  @Test
  void verbsMoveBytes() throws Exception {
    Ran ran =
        Ran.in(
            vm,
            "rping -s -C 5 >/dev/null 2>&1 & until rping -c -C 5 -v -a "
                + vm.address()
                + " 2>/dev/null; do sleep 0.1; done");

    assertThat(ran.status()).isZero();
    assertThat(ran.out().lines().filter(line -> line.startsWith("ping data: "))).hasSize(5);
  }

  @Test
  void aTargetThatFailsIsToldAndTheVmGoesOn() throws Exception {
    OutputStream full =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("The disk is full");
          }
        };

    assertThatIOException()
        .isThrownBy(() -> vm.run(GuestCommand.of("echo", "x"), full, sink(), NEVER))
        .withMessage("The disk is full");
    assertThat(Ran.in(vm, "exit 5").status()).isEqualTo(5);
  }

  @Test
  void onlyWhatAVmCanHaveIsTaken() {
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> VmOptions.standard().withMemory(16));
    assertThat(Duration.ofMinutes(1)).isLessThan(VmOptions.standard().startLimit());
  }

  static OutputStream sink() {
    return OutputStream.nullOutputStream();
  }

  /** Runs it on a thread of its own. */
  static CompletableFuture<Integer> running(SoftRoceVm vm, GuestCommand command, OutputStream out) {
    CompletableFuture<Integer> status = new CompletableFuture<>();
    Thread.ofVirtual()
        .start(
            () -> {
              try {
                status.complete(vm.run(command, out, sink(), NEVER));
              } catch (IOException | InterruptedException | RuntimeException e) {
                status.completeExceptionally(e);
              }
            });
    return status;
  }
}
