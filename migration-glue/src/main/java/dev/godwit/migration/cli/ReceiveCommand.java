package dev.godwit.migration.cli;

import dev.godwit.migration.drive.DestinationDrive;
import dev.godwit.migration.drive.DriveReport;
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
    name = "receive",
    header = "Receives a guest into a QEMU on this host.",
    description = {
      "Listens at URI and drives the QEMU behind a monitor socket through the incoming migration. That QEMU was started with the source's "
          + "machine and devices and with -incoming defer.",
      ""
    },
    footer = {
      "",
      "Example:",
      "  godwit receive --qmp /run/vm.qmp tcp:0:7700 --set multifd --set multifd-channels=4"
    },
    sortOptions = false)
final class ReceiveCommand implements Callable<Integer> {
  @Option(
      names = "--qmp",
      required = true,
      paramLabel = "SOCKET",
      description = "QEMU's monitor: a unix socket that speaks QMP")
  private Path qmp = Path.of("");

  @Parameters(index = "0", paramLabel = "URI", description = "Where the source connects")
  private String address = "";

  @Option(
      names = "--set",
      paramLabel = "NAME[=VALUE]",
      description =
          "A migration capability or parameter by QEMU's name; 'multifd' means multifd=on")
  private List<String> set = new ArrayList<>();

  @Mixin private final Output output = new Output();

  @Override
  public Integer call() throws Exception {
    MigrationSettings settings = MigrationSettings.parse(set);
    Transports transports = Transports.load();
    Endpoint at = Endpoint.parse(address);
    Schemes.requireUsable(transports, at);
    try (ProgressLine line = new ProgressLine(output)) {
      DestinationDrive drive =
          new DestinationDrive(
              qmp,
              at,
              settings,
              transports,
              local -> output.note("Waiting for a source at " + local),
              line::show);
      try (Termination termination = Termination.calls(drive::cancel)) {
        DriveReport report = drive.run();
        line.close();
        return DriveOutput.print("receive", output, report);
      }
    }
  }
}
