package dev.godwit.transport.tls.credentials;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The tools of OpenSSL and GnuTLS, as an administrator uses them. */
final class OpenSsl {
  private static final int SECONDS = 60;

  private OpenSsl() {}

  /** A directory with an authority in {@code ca-cert.pem} and {@code ca-key.pem}. */
  static Path authority(Path directory) throws IOException {
    Files.createDirectories(directory);
    run(
        directory,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
            + " -subj /CN=OpenSSL-CA -keyout ca-key.pem -out ca-cert.pem");
    return directory;
  }

  /**
   * A directory beside it with {@code server-cert.pem} and {@code server-key.pem} of that
   * authority.
   *
   * @param key of {@code openssl req -newkey}, with its options
   */
  static Path host(Path authority, String name, String key, String digest) throws IOException {
    Path directory = Files.createDirectories(authority.resolve(name));
    run(
        directory,
        "openssl req -newkey "
            + key
            + " -nodes -subj /CN="
            + name
            + " -keyout server-key.pem -out request.pem");
    run(
        directory,
        "openssl x509 -req -days 2 -in request.pem -CA ../ca-cert.pem -CAkey ../ca-key.pem "
            + digest
            + " -out server-cert.pem");
    Files.copy(authority.resolve("ca-cert.pem"), directory.resolve("ca-cert.pem"));
    return directory;
  }

  /** Runs a command without a shell; returns what it printed, and fails if the command does. */
  static String run(Path directory, String command) throws IOException {
    return run(directory, List.of(command.split(" ")));
  }

  static String run(Path directory, List<String> command) throws IOException {
    Path out = Files.createTempFile(directory, "out", ".txt");
    Process process =
        new ProcessBuilder(new ArrayList<>(command))
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .redirectOutput(out.toFile())
            .start();
    try {
      if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
        throw new AssertionError(String.join(" ", command) + " does not end");
      }
      String said = Files.readString(out, StandardCharsets.UTF_8);
      if (process.exitValue() != 0) {
        throw new AssertionError(String.join(" ", command) + " failed: " + said);
      }
      return said;
    } catch (InterruptedException e) {
      throw new AssertionError("Interrupted", e);
    } finally {
      process.destroyForcibly();
      Files.delete(out);
    }
  }
}
