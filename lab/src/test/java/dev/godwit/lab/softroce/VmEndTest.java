package dev.godwit.lab.softroce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.godwit.transport.Deadline;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A VM that ends before it was asked to, or must. */
final class VmEndTest {
  @TempDir private Path directory;

  private SoftRoceVm start() throws Exception {
    return SoftRoceVm.start(
        VmOptions.standard()
            .withMemory(512)
            .withCpus(1)
            .keepingConsole(directory.resolve("console")));
  }

  @Test
  void aCommandThatTakesTooLongEndsTheVm() throws Exception {
    try (SoftRoceVm vm = start()) {
      assertThatExceptionOfType(VmException.TimedOut.class)
          .isThrownBy(
              () ->
                  vm.run(
                      GuestCommand.of("sleep", "1000"),
                      SoftRoceVmTest.sink(),
                      SoftRoceVmTest.sink(),
                      Deadline.after(Duration.ofSeconds(1))))
          .withMessageStartingWith("'sleep 1000' did not end before its deadline");
      assertThat(vm.alive()).isFalse();
      assertThatExceptionOfType(VmException.Ended.class)
          .isThrownBy(() -> Ran.in(vm, "true"))
          .withMessageStartingWith("The VM has ended");
    }
  }

  @Test
  void aVmThatIsKilledIsNoticedAtOnce() throws Exception {
    try (SoftRoceVm vm = start()) {
      GuestOutput out = new GuestOutput();
      CompletableFuture<Integer> status =
          SoftRoceVmTest.running(vm, GuestCommand.shell("echo begun; sleep 1000"), out);
      out.await("begun");

      ProcessHandle.of(vm.pid()).orElseThrow().destroyForcibly();

      assertThatExceptionOfType(ExecutionException.class)
          .isThrownBy(() -> status.get(30, TimeUnit.SECONDS))
          .withCauseInstanceOf(VmException.Ended.class)
          .withMessageContaining(
              "'/bin/sh -c echo begun; sleep 1000' did not end: the VM has ended");
    }
  }

  @Test
  void aKernelThatPanicsSaysWhy() throws Exception {
    try (SoftRoceVm vm = start()) {
      assertThatExceptionOfType(VmException.Ended.class)
          .isThrownBy(() -> Ran.in(vm, "echo c >/proc/sysrq-trigger"))
          .withMessageContaining("sysrq triggered crash");
      assertThat(directory.resolve("console")).content().contains("Kernel panic");
    }
  }

  @Test
  void aVmThatDoesNotBootInTimeIsGivenUp() {
    assertThatExceptionOfType(VmException.TimedOut.class)
        .isThrownBy(
            () -> SoftRoceVm.start(VmOptions.standard().startingWithin(Duration.ofMillis(900))));
    assertThat(ProcessHandle.current().descendants().filter(ProcessHandle::isAlive))
        .noneMatch(child -> child.info().command().orElse("").contains("qemu"));
  }

  @Test
  void aVmThatCannotStartSaysWhatQemuSaid() {
    VmOptions unwired = VmOptions.standard().sharing(directory.resolve("no such directory"));

    assertThatExceptionOfType(VmException.Ended.class)
        .isThrownBy(() -> SoftRoceVm.start(unwired))
        .withMessageContaining("no such directory");
    assertThat(Files.exists(directory.resolve("no such directory"))).isFalse();
  }
}
