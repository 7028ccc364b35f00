package dev.godwit.lab.softroce;

import dev.godwit.lab.cli.GodwitProgram;
import dev.godwit.transport.Deadline;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A test's own program in a lab VM, one of two that a test has talk with each other. */
public final class GuestProgram {
  private GuestProgram() {}

  /**
   * Starts it; its exit status comes when it has ended.
   *
   * @param files its working directory, shared with the VM
   */
  public static CompletableFuture<Integer> start(
      SoftRoceVm vm, Class<?> program, Path files, OutputStream output, List<String> arguments) {
    List<String> words = new ArrayList<>();
    words.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx128m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",
            "--enable-native-access=ALL-UNNAMED",
            "-XX:ErrorFile=" + files.resolve("hs_err_%p.log"),
            "-Dgodwit.slowness=10",
            GodwitProgram.option(),
            "-cp",
            SoftRoceTests.classPath(),
            program.getName()));
    words.addAll(arguments);
    GuestCommand command = GuestCommand.of(words.toArray(String[]::new)).in(files);
    CompletableFuture<Integer> status = new CompletableFuture<>();
    Thread.ofVirtual()
        .start(
            () -> {
              try {
                status.complete(vm.run(command, output, output, Deadline.never()));
              } catch (Exception e) {
                status.completeExceptionally(e);
              }
            });
    return status;
  }
}
