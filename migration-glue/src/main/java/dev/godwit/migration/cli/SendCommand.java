package dev.godwit.migration.cli;

import dev.godwit.migration.drive.DriveReport;
import dev.godwit.migration.drive.SourceDrive;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Transports;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "send",
    header = "Sends the guest of a QEMU on this host.",
    description = {
      "Drives the QEMU behind a monitor socket through a migration to URI, where 'godwit receive', 'godwit proxy' or a QEMU listens. "
          + "If it fails before switchover, the guest runs on here and QEMU's settings are as they were.",
      ""
    },
    footer = {
      "",
      "Example:",
      "  godwit send --qmp /run/vm.qmp tcp:hostb:7700 --set multifd --set multifd-channels=4"
    },
    sortOptions = false)
final class SendCommand implements Callable<Integer> {
  @Option(
      names = "--qmp",
      required = true,
      paramLabel = "SOCKET",
      description = "QEMU's monitor: a unix socket that speaks QMP")
  private Path qmp = Path.of("");

  @Parameters(index = "0", paramLabel = "URI", description = "Where the guest goes")
  private String target = "";

  @Option(
      names = "--set",
      paramLabel = "NAME[=VALUE]",
      description =
          "A migration capability or parameter by QEMU's name; 'multifd' means multifd=on")
  private List<String> set = new ArrayList<>();

  @Option(
      names = "--postcopy",
      description =
          "Switch to postcopy after the first pass (the receiving side needs --set postcopy-ram)")
  private boolean postcopy;

  @Mixin private final Output output = new Output();

  @Override
  public Integer call() throws Exception {
    MigrationSettings settings = MigrationSettings.parse(set);
    Transports transports = Transports.load();
    Endpoint to = Endpoint.parse(target);
    Schemes.requireUsable(transports, to);
    transports.dialer(to).close();
    try (ProgressLine line = new ProgressLine(output)) {
      SourceDrive drive = new SourceDrive(qmp, to, settings, postcopy, transports, line::show);
      try (Termination termination = Termination.calls(drive::cancel)) {
        DriveReport report = drive.run();
        line.close();
        return DriveOutput.print("send", output, report);
      }
    }
  }
}
