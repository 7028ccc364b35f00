package dev.godwit.lab.demo;

import dev.godwit.migration.cli.CommandFailure;
import dev.godwit.migration.cli.ExitCode;
import dev.godwit.migration.cli.Output;
import dev.godwit.migration.cli.ProgressLine;
import dev.godwit.migration.cli.Subcommand;
import dev.godwit.migration.cli.Termination;
import dev.godwit.transport.Settings;
import dev.godwit.transport.Transports;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code godwit demo}. */
@Command(
    name = "demo",
    header = "Migrates a guest of its own live, over each transport.",
    description = {
      "Moves the embedded lab guest, which changes its memory all the time, from this process to another that it starts, plain and with "
          + "multifd, over every transport that this host can serve (within the process over mem:, through a saved file over file:). "
          + "Each guest that arrives is looked at as a whole: any page, record or device that is not as it must be is found. Needs no QEMU "
          + "and no root, and leaves nothing behind.",
      ""
    },
    footer = {"", "Examples:", "  godwit demo", "  godwit demo tcp unix --ram 1G --channels 4"},
    sortOptions = false)
public final class DemoCommand implements Subcommand, Callable<Integer> {
  private static final long MEBIBYTE = 1 << 20;
  private static final long LEAST_RAM_BYTES = 16 * MEBIBYTE;
  private static final long MOST_RAM_BYTES = 64L << 30;
  private static final int MOST_CHANNELS = 255;

  @Parameters(
      paramLabel = "SCHEME",
      arity = "0..*",
      description = "Only these transports, such as tcp (default: all)")
  private List<String> schemes = new ArrayList<>();

  @Option(
      names = "--ram",
      paramLabel = "SIZE",
      defaultValue = "256M",
      description = "How much memory the guest has (default: ${DEFAULT-VALUE})")
  private String ram = "";

  @Option(
      names = "--channels",
      paramLabel = "N",
      defaultValue = "2",
      description = "How many multifd channels (default: ${DEFAULT-VALUE})")
  private int channels;

  @Option(names = "--companion", hidden = true)
  private boolean companion;

  @Option(names = "--relay", hidden = true, paramLabel = "PATH")
  private Optional<Path> relay = Optional.empty();

  @Mixin private final Output output = new Output();

  /** For {@link java.util.ServiceLoader}. */
  public DemoCommand() {}

  @Override
  public Integer call() throws CommandFailure {
    if (!output.isQuiet() && !output.isVerbose()) {
      // Before the first logger is made: each leg's states would be lines between the progress.
      System.setProperty("godwit.log.level", "WARN");
    }
    try {
      if (relay.isPresent()) {
        Relay.run(relay.get());
        return ExitCode.DONE.code();
      }
      long ramBytes = ramBytes();
      if (companion) {
        new CompanionRole(Demo.spec(ramBytes), output).run(System.in);
        return ExitCode.DONE.code();
      }
      return run(ramBytes);
    } catch (InterruptedException e) {
      throw new CommandFailure(ExitCode.ABORTED, "The demo was interrupted");
    } catch (IOException e) {
      throw new CommandFailure(ExitCode.FAILED, String.valueOf(e.getMessage()));
    }
  }

  private int run(long ramBytes) throws IOException, CommandFailure {
    if (channels < 1 || channels > MOST_CHANNELS) {
      throw new CommandFailure(
          ExitCode.USAGE, "--channels takes 1 to " + MOST_CHANNELS + ", not " + channels);
    }
    Transports transports = Transports.load();
    schemes.forEach(transports::of);
    return run(transports, ramBytes);
  }

  private long ramBytes() throws CommandFailure {
    long bytes = Settings.parseBytes("--ram", ram);
    if (bytes < LEAST_RAM_BYTES || bytes > MOST_RAM_BYTES || bytes % MEBIBYTE != 0) {
      throw new CommandFailure(
          ExitCode.USAGE, "--ram takes 16M to 64G in whole MiB, not '" + ram + "'");
    }
    return bytes;
  }

  private int run(Transports transports, long ramBytes) throws IOException {
    DemoReport report = new DemoReport(ramBytes);
    Path directory = Files.createTempDirectory("godwit-demo");
    Demo demo = new Demo(transports, ramBytes, channels, directory);
    ExitCode code;
    try (Termination termination = Termination.calls(demo::cancel)) {
      try (demo;
          ProgressLine line = new ProgressLine(output)) {
        for (Leg leg : demo.legs()) {
          if (!demo.isCancelled() && (schemes.isEmpty() || schemes.contains(leg.scheme()))) {
            line.show(leg.toString());
            report.add(
                leg, demo.run(leg, (l, migration) -> new ProgressTicker(l, migration, line::show)));
            demo.sweep();
          }
        }
      } finally {
        demo.sweep();
        Files.delete(directory);
      }
      code =
          demo.isCancelled()
              ? ExitCode.INTERRUPTED
              : report.isFine() ? ExitCode.DONE : ExitCode.FAILED;
      report.print(output, code.code());
    }
    if (code == ExitCode.FAILED) {
      output.note("godwit demo: A guest did not arrive, or not as it was");
    }
    return code.code();
  }
}
