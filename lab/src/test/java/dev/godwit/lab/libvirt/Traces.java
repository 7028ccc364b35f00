package dev.godwit.lab.libvirt;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Where two libvirt hosts could leave something on this machine outside their directory.
 *
 * @param pidNamespace of both hosts and their QEMUs, as the kernel names it
 * @param dir where their files are
 */
record Traces(String pidNamespace, Path dir) {
  private static final Path PROC = Path.of("/proc");

  /** The traces of hosts that run, by the first process of their namespace. */
  static Traces of(long init, Path dir) throws IOException {
    Path namespace = PROC.resolve(Long.toString(init)).resolve("ns/pid");
    return new Traces(Files.readSymbolicLink(namespace).toString(), dir);
  }

  /** Command lines of the processes in the namespace. */
  List<String> processes() throws IOException {
    List<String> found = new ArrayList<>();
    for (Path process : everyProcess()) {
      try {
        if (Files.readSymbolicLink(process.resolve("ns/pid")).toString().equals(pidNamespace)) {
          found.add(Files.readString(process.resolve("cmdline")).replace('\0', ' ').strip());
        }
      } catch (IOException e) {
        // It has ended meanwhile.
        continue;
      }
    }
    // One that has ended and waits for its parent to take notice has no command line any more.
    found.removeIf(String::isEmpty);
    return found;
  }

  /** Mounts of anything in the directory, in whatever mount namespace. */
  List<String> mounts() throws IOException {
    List<String> found = new ArrayList<>();
    for (Path process : everyProcess()) {
      try {
        Files.readString(process.resolve("mountinfo"))
            .lines()
            .filter(line -> line.contains(dir.toString()))
            .forEach(found::add);
      } catch (IOException e) {
        // It has ended meanwhile.
        continue;
      }
    }
    return found;
  }

  /** Bound unix sockets in the directory that this network namespace knows. */
  List<String> sockets() throws IOException {
    return Files.readAllLines(PROC.resolve("net/unix"), StandardCharsets.ISO_8859_1).stream()
        .filter(line -> line.contains(dir.toString()))
        .toList();
  }

  private static List<Path> everyProcess() throws IOException {
    try (Stream<Path> entries = Files.list(PROC)) {
      return entries.filter(p -> p.getFileName().toString().matches("[0-9]+")).toList();
    }
  }
}
