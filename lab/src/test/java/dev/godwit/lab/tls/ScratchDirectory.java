package dev.godwit.lab.tls;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/**
 * A directory for one test. A unix socket's path is short, and so must be what stands before it.
 */
record ScratchDirectory(Path path) implements AutoCloseable {
  static ScratchDirectory make() throws IOException {
    return new ScratchDirectory(Files.createTempDirectory("gw"));
  }

  /** Removes it with all that is in it. */
  @Override
  public void close() throws IOException {
    try (Stream<Path> files = Files.walk(path)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
