package dev.godwit.migration.cli;

import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Where a guest is, or is to be, on this host: exactly one of the two. */
final class QemuOrImage {
  @Option(
      names = "--qmp",
      required = true,
      paramLabel = "SOCKET",
      description = "QEMU's monitor: a unix socket that speaks QMP")
  private Optional<Path> qmp = Optional.empty();

  @Option(
      names = "--image",
      required = true,
      paramLabel = "FILE",
      description = "A file instead of a QEMU")
  private Optional<Path> image = Optional.empty();

  /** The monitor; asked for where there is no image. */
  Path qmp() throws CommandFailure {
    return qmp.orElseThrow(
        () -> new CommandFailure(ExitCode.USAGE, "Either --qmp SOCKET or --image FILE is missing"));
  }

  Optional<Path> image() {
    return image;
  }
}
