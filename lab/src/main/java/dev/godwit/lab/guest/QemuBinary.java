package dev.godwit.lab.guest;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Whether this host has a QEMU of some version, and where. {@code lab/qemu/install} provides both.
 */
public sealed interface QemuBinary {

  /** The version that was asked for. */
  QemuVersion version();

  /**
   * A QEMU that starts.
   *
   * @param path of the binary or of a script that becomes it, so that the process is QEMU's
   * @param description its own first line
   */
  record Installed(QemuVersion version, Path path, String description) implements QemuBinary {}

  /**
   * There is none.
   *
   * @param cause one sentence
   */
  record Absent(QemuVersion version, String cause) implements QemuBinary {}

  /**
   * Looks where {@link QemuVersion#variable()} points, else where {@code lab/qemu/install} puts
   * that version, and asks the binary for its version.
   */
  static QemuBinary find(QemuVersion version) {
    return find(version, System.getenv());
  }

  /** Looks as {@link #find(QemuVersion)} does, in another environment. */
  static QemuBinary find(QemuVersion version, Map<String, String> environment) {
    Path path = place(version, environment);
    if (!Files.isExecutable(path)) {
      return new Absent(
          version, version + " is not at " + path + "; lab/qemu/install puts it there");
    }
    try {
      String description = firstLine(path);
      return description.startsWith("QEMU emulator version " + version.number() + ".")
          ? new Installed(version, path, description)
          : new Absent(version, path + " is not " + version + " but says \"" + description + "\"");
    } catch (IOException e) {
      return new Absent(version, path + " does not start: " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Absent(version, "Interrupted while asking " + path + " for its version");
    }
  }

  /**
   * The binary, for callers that cannot do without it.
   *
   * @throws IllegalStateException with the cause if it is absent
   */
  static Installed require(QemuVersion version) {
    return switch (find(version)) {
      case Installed installed -> installed;
      case Absent absent -> throw new IllegalStateException(absent.cause());
    };
  }

  private static Path place(QemuVersion version, Map<String, String> environment) {
    String named = environment.getOrDefault(version.variable(), "");
    if (!named.isEmpty()) {
      return Path.of(named);
    }
    return switch (version) {
      case V7_2 -> Path.of("/usr/bin/qemu-system-x86_64");
      case V10_0 -> cache(environment).resolve("qemu-10.0").resolve("qemu-system-x86_64");
    };
  }

  private static Path cache(Map<String, String> environment) {
    String own = environment.getOrDefault("GODWIT_CACHE", "");
    if (!own.isEmpty()) {
      return Path.of(own);
    }
    String shared = environment.getOrDefault("XDG_CACHE_HOME", "");
    return shared.isEmpty()
        ? Path.of(environment.getOrDefault("HOME", "/"), ".cache", "godwit")
        : Path.of(shared, "godwit");
  }

  private static String firstLine(Path path) throws IOException, InterruptedException {
    Duration limit = Duration.ofSeconds(20);
    Process process =
        new ProcessBuilder(path.toString(), "--version").redirectErrorStream(true).start();
    try (InputStream output = process.getInputStream()) {
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new IOException("no version within " + limit.toSeconds() + " s");
      }
      return new String(output.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .findFirst()
          .orElse("");
    } finally {
      process.destroyForcibly();
    }
  }
}
