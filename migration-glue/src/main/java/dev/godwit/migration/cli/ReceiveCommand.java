package dev.godwit.migration.cli;

import dev.godwit.channel.image.ImageLayout;
import dev.godwit.migration.drive.DestinationDrive;
import dev.godwit.migration.drive.DriveReport;
import dev.godwit.migration.image.ImageTransfer;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Transports;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "receive",
    header = "Receives a guest into a QEMU on this host, or into a file.",
    description = {
      "With --qmp: listens at URI and drives the QEMU behind a monitor socket through the incoming migration. That QEMU was started with the "
          + "source's machine and devices and with -incoming defer.",
      "With --image: listens at URI and saves the guest that a source sends, to restore it with 'godwit send --image' or by any QEMU. The source "
          + "hears that it is saved when the disk has it.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  godwit receive --qmp /run/vm.qmp tcp:0:7700 --set multifd --set multifd-channels=4",
      "  godwit receive --image vm.img unix:/run/in.sock"
    },
    sortOptions = false)
final class ReceiveCommand implements Callable<Integer> {
  @ArgGroup(multiplicity = "1")
  private QemuOrImage guest = new QemuOrImage();

  @Parameters(index = "0", paramLabel = "URI", description = "Where the source connects")
  private String address = "";

  @Option(
      names = "--set",
      paramLabel = "NAME[=VALUE]",
      description =
          "A migration capability or parameter by QEMU's name; 'multifd' means multifd=on")
  private List<String> set = new ArrayList<>();

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description =
          "With --image: 'stream', which any QEMU reads (the default), or 'mapped-ram', a place a page, for QEMU 9.0 and later")
  private Optional<String> format = Optional.empty();

  @Option(names = "--overwrite", description = "With --image: replaces the file if it exists")
  private boolean overwrite;

  @Mixin private final ImageOptions images = new ImageOptions();
  @Mixin private final EncryptionOptions encryption = new EncryptionOptions();
  @Mixin private final Output output = new Output();

  @Override
  public Integer call() throws Exception {
    MigrationSettings settings = MigrationSettings.parse(set);
    Transports transports = Transports.load();
    Endpoint at = encryption.endpoints(transports, address).getFirst();
    if (guest.image().isPresent()) {
      return save(guest.image().get(), at, settings, transports);
    }
    ImageOptions.requireNone(
        Map.of(
            "--format", format.isPresent(),
            "--overwrite", overwrite,
            "--max-ram", images.isGiven()));
    try (ProgressLine line = new ProgressLine(output)) {
      DestinationDrive drive =
          new DestinationDrive(
              guest.qmp(),
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

  private int save(Path file, Endpoint at, MigrationSettings settings, Transports transports)
      throws Exception {
    ImageLayout layout = ImageOptions.layout(format);
    ImageOptions.requireWritable(file, overwrite);
    ImageTransfer transfer = new ImageTransfer(transports, images.limits(settings));
    return ImageOutput.run(
        "receive",
        output,
        transfer,
        () ->
            transfer.save(
                at, file, layout, local -> output.note("Waiting for a source at " + local)));
  }
}
