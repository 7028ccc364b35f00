package dev.godwit.lab.cli;

import dev.godwit.lab.softroce.GuestCommand;
import dev.godwit.lab.softroce.SoftRoceVm;
import dev.godwit.lab.softroce.VmException;
import dev.godwit.lab.softroce.VmOptions;
import dev.godwit.migration.cli.CommandFailure;
import dev.godwit.migration.cli.ExitCode;
import dev.godwit.migration.cli.Termination;
import dev.godwit.transport.Deadline;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "vm",
    mixinStandardHelpOptions = true,
    header = "Runs a command in a VM that has a software RDMA device.",
    description = {
      "Boots Debian's kernel under QEMU's emulation with a soft-RoCE device, rxe0 on eth0 at 10.0.2.15 and fd00::15. Everything on this "
          + "host is there under its own path, and what the command writes is gone afterwards, but for --writable. Standard output, "
          + "standard error and exit status are the command's; it is root, in the current directory, with Godwit's java first in PATH and "
          + "its classes in CLASSPATH. Needs neither root nor KVM; lab/softroce/install gets what it is made of.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  godwit lab vm -- rdma link",
      "  godwit lab vm -- java dev.godwit.migration.cli.Godwit transports",
      "  godwit lab vm -- sh -c 'ib_write_bw -x 1 >/dev/null & ib_write_bw -x 1 10.0.2.15'"
    },
    sortOptions = false)
final class VmCommand implements Callable<Integer> {
  private static final int LEAST_MEBIBYTES = 512;
  private static final int MOST_MEBIBYTES = 64 << 10;
  private static final int MOST_CPUS = 8;

  @Parameters(
      paramLabel = "COMMAND",
      arity = "1..*",
      description = "What to run in the VM, after --")
  private List<String> words = new ArrayList<>();

  @Option(
      names = "--memory",
      paramLabel = "MIB",
      defaultValue = "2048",
      description = "Memory of the VM in MiB (default: ${DEFAULT-VALUE})")
  private int memory;

  @Option(
      names = "--cpus",
      paramLabel = "N",
      defaultValue = "2",
      description =
          "Virtual processors, which take turns on one of the host's (default: ${DEFAULT-VALUE})")
  private int cpus;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      defaultValue = "600",
      description = "End the VM after so long, boot included (default: ${DEFAULT-VALUE})")
  private int timeout;

  @Option(
      names = "--writable",
      paramLabel = "DIR",
      description = "A directory in which the command's files stay")
  private Optional<Path> writable = Optional.empty();

  @Option(
      names = "--console",
      paramLabel = "FILE",
      description = "Keep what the VM's kernel says in this file")
  private Optional<Path> console = Optional.empty();

  VmCommand() {}

  @Override
  public Integer call() throws CommandFailure {
    VmOptions options = options();
    GuestCommand command = command();
    Thread runner = Thread.currentThread();
    AtomicBoolean cancelled = new AtomicBoolean();
    try (Termination termination =
        Termination.calls(
            () -> {
              cancelled.set(true);
              runner.interrupt();
            })) {
      return run(options, command);
    } catch (InterruptedException e) {
      return ExitCode.INTERRUPTED.code();
    } catch (IOException e) {
      if (cancelled.get()) {
        return ExitCode.INTERRUPTED.code();
      }
      throw failure(e);
    }
  }

  private VmOptions options() throws CommandFailure {
    if (memory < LEAST_MEBIBYTES || memory > MOST_MEBIBYTES) {
      throw usage("--memory takes 512 to 65536 MiB, not " + memory);
    }
    if (cpus < 1 || cpus > MOST_CPUS) {
      throw usage("--cpus takes 1 to 8, not " + cpus);
    }
    if (timeout < 1) {
      throw usage("--timeout takes at least one second, not " + timeout);
    }
    VmOptions options =
        VmOptions.standard()
            .withMemory(memory)
            .withCpus(cpus)
            .startingWithin(Duration.ofSeconds(timeout));
    if (writable.isPresent()) {
      if (!Files.isDirectory(writable.get())) {
        throw usage("--writable takes a directory, and " + writable.get() + " is none");
      }
      options = options.sharing(writable.get());
    }
    return console.isPresent() ? options.keepingConsole(console.get()) : options;
  }

  private static CommandFailure usage(String sentence) {
    return new CommandFailure(ExitCode.USAGE, sentence);
  }

  private GuestCommand command() {
    Path javaHome = Path.of(System.getProperty("java.home", ""));
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path", ""));
    return GuestCommand.of(words)
        .in(Path.of(""))
        .with("JAVA_HOME", javaHome.toString())
        .with(
            "PATH",
            javaHome.resolve("bin")
                + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .with("CLASSPATH", classPath);
  }

  private int run(VmOptions options, GuestCommand command)
      throws IOException, InterruptedException {
    Deadline deadline = Deadline.after(Duration.ofSeconds(timeout));
    try (SoftRoceVm vm = SoftRoceVm.start(options)) {
      return vm.run(
          command,
          new FileOutputStream(FileDescriptor.out),
          new FileOutputStream(FileDescriptor.err),
          deadline);
    }
  }

  private static CommandFailure failure(IOException e) {
    ExitCode code =
        switch (e) {
          case VmException.Unavailable missing -> ExitCode.UNAVAILABLE;
          case VmException.TimedOut late -> ExitCode.TIMED_OUT;
          case VmException.Ended ended -> ExitCode.LOST;
          default -> ExitCode.NATIVE;
        };
    return new CommandFailure(code, String.valueOf(e.getMessage()));
  }
}
