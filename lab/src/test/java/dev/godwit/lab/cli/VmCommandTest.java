package dev.godwit.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.testkit.Await;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code godwit lab vm}, as a process. */
final class VmCommandTest {
  private static final Duration BOOT = Duration.ofSeconds(110);

  @TempDir private Path directory;

  @Test
  void theCommandsOutputAndStatusAreItsOwn() throws Exception {
    try (GodwitProcess vm =
        GodwitProcess.start(
            "lab",
            "vm",
            "--writable=" + directory,
            "--",
            "sh",
            "-c",
            "rdma link; echo err >&2; java -version >"
                + directory
                + "/java 2>&1 && [ -n \"$CLASSPATH\" ] && exit 41")) {
      assertThat(vm.awaitExit(BOOT)).as(vm.log()).isEqualTo(41);
      assertThat(vm.out()).startsWith("link rxe0/1 state ACTIVE");
      assertThat(vm.err()).isEqualTo("err\n");
      assertThat(directory.resolve("java")).content().contains("\"25");
      vm.expectNothingLeft();
    }
  }

  @Test
  void aCommandIsNeeded() throws Exception {
    try (GodwitProcess vm = GodwitProcess.start("lab", "vm", "--memory", "1024")) {
      vm.expectExit(2);
      assertThat(vm.err()).contains("COMMAND");
    }
    try (GodwitProcess vm = GodwitProcess.start("lab", "vm", "--cpus=0", "--", "true")) {
      vm.expectExit(2);
      assertThat(vm.sentence()).isEqualTo("godwit lab vm: --cpus takes 1 to 8, not 0");
    }
  }

  @Test
  void whatTheHostLacksIsNamed() throws Exception {
    try (GodwitProcess vm =
        GodwitProcess.start(
            List.of("env", "GODWIT_CACHE=" + directory), "lab", "vm", "--", "true")) {
      vm.expectExit(69);
      assertThat(vm.sentence())
          .isEqualTo(
              "godwit lab vm: The lab VM's kernel and initramfs are not in "
                  + directory
                  + "/softroce/current; lab/softroce/install puts them there");
    }
  }

  @Test
  void aDeadlineEndsIt() throws Exception {
    try (GodwitProcess vm = GodwitProcess.start("lab", "vm", "--timeout=1", "--", "true")) {
      vm.expectExit(13);
      assertThat(vm.err()).contains("The VM was not ready before its deadline");
    }
  }

  @Test
  void anInterruptEndsTheVm() throws Exception {
    try (GodwitProcess vm = running()) {
      ProcessHandle qemu = qemu(vm);

      vm.signal("INT");

      vm.expectExit(130);
      assertThat(vm.err()).isEqualTo("begun\n");
      qemu.onExit().get(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void aGodwitThatIsKilledLeavesNoVm() throws Exception {
    try (GodwitProcess vm = running()) {
      ProcessHandle qemu = qemu(vm);

      try {
        vm.signal("KILL");

        qemu.onExit().get(60, TimeUnit.SECONDS);
      } finally {
        qemu.destroyForcibly();
      }
    }
  }

  @Test
  void aGodwitThatIsKilledWhileTheVmBootsLeavesNone() throws Exception {
    try (GodwitProcess vm = GodwitProcess.start("lab", "vm", "--", "sleep", "1000")) {
      Await.until(
          "QEMU is started",
          () ->
              vm.descendants().stream()
                  .anyMatch(child -> child.info().command().orElse("").contains("qemu")));
      ProcessHandle qemu = qemu(vm);

      try {
        vm.signal("KILL");

        qemu.onExit().get(BOOT.toSeconds(), TimeUnit.SECONDS);
      } finally {
        qemu.destroyForcibly();
      }
    }
  }

  /** A command in a VM that has begun and does not end. */
  private static GodwitProcess running() throws Exception {
    GodwitProcess vm =
        GodwitProcess.start("lab", "vm", "--", "sh", "-c", "echo begun >&2; sleep 1000");
    vm.awaitSaid("begun");
    return vm;
  }

  private static ProcessHandle qemu(GodwitProcess vm) {
    List<ProcessHandle> started = vm.descendants();
    assertThat(started).hasSize(1);
    return started.getFirst();
  }
}
