package dev.godwit.lab.softroce;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * A temporary directory, owned: {@link #close} removes it with all that is in it. Whoever is killed
 * removes nothing, so the next one that is made removes those whose process is gone.
 */
final class VmDirectory implements AutoCloseable {
  private static final String PREFIX = "godwit-vm-";

  /** Locked by the process while it uses the directory. */
  private static final String LOCK = "lock";

  private final Path path;
  private final FileChannel lock;

  private VmDirectory(Path path, FileChannel lock) {
    this.path = path;
    this.lock = lock;
  }

  static VmDirectory create() throws IOException {
    Path path = Files.createTempDirectory(own());
    removeDeserted(Objects.requireNonNull(path.toAbsolutePath().getParent()));
    // Under its name there is never one that is not locked, but for those of the dead.
    Path unnamed = path.resolve(LOCK + ".new");
    FileChannel lock =
        FileChannel.open(unnamed, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    boolean made = false;
    try {
      lock.lock();
      Files.move(unnamed, path.resolve(LOCK));
      made = true;
      return new VmDirectory(path, lock);
    } finally {
      if (!made) {
        lock.close();
        remove(path);
      }
    }
  }

  Path path() {
    return path;
  }

  @Override
  public void close() throws IOException {
    try {
      remove(path);
    } finally {
      lock.close();
    }
  }

  /** How the names of this process begin: a look at its own locks would give them up. */
  private static String own() {
    return PREFIX + ProcessHandle.current().pid() + "-";
  }

  static void removeDeserted(Path parent) throws IOException {
    try (DirectoryStream<Path> all = Files.newDirectoryStream(parent, PREFIX + "*")) {
      for (Path each : all) {
        if (!each.getFileName().toString().startsWith(own())) {
          removeIfDeserted(each);
        }
      }
    }
  }

  private static void removeIfDeserted(Path directory) {
    try (FileChannel lock = FileChannel.open(directory.resolve(LOCK), StandardOpenOption.WRITE);
        FileLock taken = lock.tryLock()) {
      if (taken != null) {
        remove(directory);
      }
    } catch (IOException e) {
      // Another user's, or somebody else removes it.
    }
  }

  private static void remove(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }
}
