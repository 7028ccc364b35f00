package dev.godwit.migration.cli;

import dev.godwit.migration.drive.DriveReport;
import dev.godwit.migration.drive.SourceDrive;
import dev.godwit.migration.image.ImageTransfer;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Transports;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "send",
    header = "Sends the guest of a QEMU on this host, or of a file.",
    description = {
      "With --qmp: drives the QEMU behind a monitor socket through a migration to URI, where 'godwit receive', 'godwit proxy' or a QEMU listens. "
          + "If it fails before switchover, the guest runs on here and QEMU's settings are as they were.",
      "With --image: restores the guest of a file, saved by 'godwit receive --image' or by a QEMU, at URI, where a QEMU waits for it. The file "
          + "stays as it is.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  godwit send --qmp /run/vm.qmp tcp:hostb:7700 --set multifd --set multifd-channels=4",
      "  godwit send --image vm.img tcp:hostb:4444"
    },
    sortOptions = false)
final class SendCommand implements Callable<Integer> {
  @ArgGroup(multiplicity = "1")
  private QemuOrImage guest = new QemuOrImage();

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

  @Option(
      names = "--uuid",
      paramLabel = "UUID",
      description =
          "With --image and multifd: the guest's UUID, if its QEMU has one that the image does not know")
  private Optional<UUID> uuid = Optional.empty();

  @Mixin private final ImageOptions images = new ImageOptions();
  @Mixin private final EncryptionOptions encryption = new EncryptionOptions();
  @Mixin private final Output output = new Output();

  @Override
  public Integer call() throws Exception {
    MigrationSettings settings = MigrationSettings.parse(set);
    Transports transports = Transports.load();
    Endpoint to = encryption.endpoints(transports, target).getFirst();
    transports.dialer(to).close();
    if (guest.image().isPresent()) {
      return restore(guest.image().get(), to, settings, transports);
    }
    ImageOptions.requireNone(Map.of("--uuid", uuid.isPresent(), "--max-ram", images.isGiven()));
    try (ProgressLine line = new ProgressLine(output)) {
      SourceDrive drive =
          new SourceDrive(guest.qmp(), to, settings, postcopy, transports, line::show);
      try (Termination termination = Termination.calls(drive::cancel)) {
        DriveReport report = drive.run();
        line.close();
        return DriveOutput.print("send", output, report);
      }
    }
  }

  private int restore(Path file, Endpoint to, MigrationSettings settings, Transports transports)
      throws Exception {
    if (postcopy) {
      throw new CommandFailure(
          ExitCode.USAGE, "--postcopy is for a running guest, and that of an image is at rest");
    }
    ImageTransfer transfer = new ImageTransfer(transports, images.limits(settings));
    return ImageOutput.run("send", output, transfer, () -> transfer.restore(file, to, uuid));
  }
}
