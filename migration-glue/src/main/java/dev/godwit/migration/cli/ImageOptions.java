package dev.godwit.migration.cli;

import dev.godwit.channel.image.ImageLayout;
import dev.godwit.channel.multifd.Dialect;
import dev.godwit.channel.multifd.MultifdCompression;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.migration.image.ImageTransfer;
import dev.godwit.migration.proxy.HostMemory;
import dev.godwit.migration.qemu.MigrationCapability;
import dev.godwit.migration.qemu.MigrationParameter;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.ParameterValue;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Settings;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Option;

/** What {@code --image} is told besides, and whether it makes sense. */
final class ImageOptions {
  private static final int USUAL_CHANNELS = 2;

  @Option(
      names = "--max-ram",
      paramLabel = "SIZE",
      description =
          "With --image: the largest guest to take, such as 64G (default: what this host has free)")
  private Optional<String> maxRam = Optional.empty();

  /** Whether there is an option that is for images alone. */
  boolean isGiven() {
    return maxRam.isPresent();
  }

  /** Refuses options that are for images alone. */
  static void requireNone(Map<String, Boolean> given) throws CommandFailure {
    for (Map.Entry<String, Boolean> option : given.entrySet()) {
      if (option.getValue()) {
        throw new CommandFailure(ExitCode.USAGE, option.getKey() + " is for --image alone");
      }
    }
  }

  static ImageLayout layout(Optional<String> format) throws CommandFailure {
    return switch (format.orElse("stream")) {
      case "stream" -> ImageLayout.STREAM;
      case "mapped-ram" -> ImageLayout.MAPPED_RAM;
      default ->
          throw new CommandFailure(
              ExitCode.USAGE,
              "--format takes 'stream' or 'mapped-ram', not '" + format.orElse("") + "'");
    };
  }

  /** Looks at the file before anybody is kept waiting for it. */
  static void requireWritable(Path file, boolean overwrite) throws CommandFailure {
    if (Files.isDirectory(file)) {
      throw new CommandFailure(ExitCode.REFUSED_BY_CHECK, file + " is a directory");
    }
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS) && !overwrite) {
      throw new CommandFailure(
          ExitCode.REFUSED_BY_CHECK, file + " exists; --overwrite replaces it");
    }
    Path directory = Optional.ofNullable(file.toAbsolutePath().getParent()).orElse(Path.of("/"));
    if (!Files.isDirectory(directory)) {
      throw new CommandFailure(
          ExitCode.REFUSED_BY_CHECK, "The directory of " + file + " does not exist");
    }
    if (!Files.isWritable(directory)) {
      throw new CommandFailure(
          ExitCode.REFUSED_BY_CHECK, "This process may not write in " + directory);
    }
  }

  ImageTransfer.Limits limits(MigrationSettings settings) throws CommandFailure {
    return new ImageTransfer.Limits(
        maxRamBytes(),
        multifd(settings),
        settings.capabilities().getOrDefault(MigrationCapability.RETURN_PATH, true),
        directIo(settings));
  }

  private static boolean directIo(MigrationSettings settings) {
    return settings.parameters().get(MigrationParameter.DIRECT_IO)
            instanceof ParameterValue.Flag flag
        && flag.on();
  }

  /** Its bytes. */
  static long parseMaxRam(String maxRam) {
    long bytes = Settings.parseBytes("--max-ram", maxRam);
    if (bytes <= 0) {
      throw new EndpointException("--max-ram takes a size above 0, not '" + maxRam + "'");
    }
    return bytes;
  }

  private long maxRamBytes() throws CommandFailure {
    if (maxRam.isPresent()) {
      return parseMaxRam(maxRam.get());
    }
    return HostMemory.availableBytes()
        .orElseThrow(
            () ->
                new CommandFailure(
                    ExitCode.UNAVAILABLE,
                    "This host does not say how much memory is free; --max-ram says so"));
  }

  /** The end that is no file has multifd channels or not; nothing else is for an image to set. */
  private static Optional<MultifdSettings> multifd(MigrationSettings settings)
      throws CommandFailure {
    boolean on = false;
    for (Map.Entry<MigrationCapability, Boolean> capability : settings.capabilities().entrySet()) {
      switch (capability.getKey()) {
        case MULTIFD -> on = capability.getValue();
        case RETURN_PATH, EVENTS, XBZRLE, COMPRESS -> {}
        default -> throw meaningless(capability.getKey().qemuName());
      }
    }
    int channels = USUAL_CHANNELS;
    MultifdCompression compression = MultifdCompression.NONE;
    int zlib = MultifdCompression.DEFAULT_LEVEL;
    int zstd = MultifdCompression.DEFAULT_LEVEL;
    for (Map.Entry<MigrationParameter, ParameterValue> parameter :
        settings.parameters().entrySet()) {
      if (parameter.getKey() == MigrationParameter.DIRECT_IO) {
        continue;
      }
      switch (parameter.getKey()) {
        case MULTIFD_CHANNELS -> channels = number(parameter.getValue());
        case MULTIFD_COMPRESSION -> compression = compression(parameter.getValue());
        case MULTIFD_ZLIB_LEVEL -> zlib = number(parameter.getValue());
        case MULTIFD_ZSTD_LEVEL -> zstd = number(parameter.getValue());
        default -> throw meaningless(parameter.getKey().qemuName());
      }
      if (!on) {
        throw new CommandFailure(
            ExitCode.USAGE, parameter.getKey().qemuName() + " has no effect without multifd");
      }
    }
    MultifdSettings usual = MultifdSettings.of(Dialect.V10_0, channels).withAnyGuest();
    int level = compression == MultifdCompression.ZSTD ? zstd : zlib;
    return on ? Optional.of(usual.with(compression, level)) : Optional.empty();
  }

  private static CommandFailure meaningless(String name) {
    return new CommandFailure(ExitCode.USAGE, name + " has no meaning for a guest at rest");
  }

  private static int number(ParameterValue value) {
    return value instanceof ParameterValue.Whole whole ? Math.toIntExact(whole.value()) : 0;
  }

  private static MultifdCompression compression(ParameterValue value) throws CommandFailure {
    String name = value.toString();
    return MultifdCompression.named(name)
        .orElseThrow(
            () ->
                new CommandFailure(
                    ExitCode.USAGE,
                    "Godwit compresses by none, zlib or zstd, not by '" + name + "'"));
  }
}
