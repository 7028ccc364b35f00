package dev.godwit.lab.softroce;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class VmDirectoryTest {
  @TempDir private Path parent;

  private Path directory(String name, String... files) throws Exception {
    Path directory = parent.resolve(name);
    Files.createDirectories(directory.resolve("files"));
    for (String file : files) {
      Files.createFile(directory.resolve(file));
    }
    return directory;
  }

  @Test
  void itIsGoneWithAllThatIsInIt() throws Exception {
    Path path;
    try (VmDirectory directory = VmDirectory.create()) {
      path = directory.path();
      Files.createFile(Files.createDirectory(path.resolve("files")).resolve("guest"));
      // It knows its own.
      VmDirectory.removeDeserted(Objects.requireNonNull(path.getParent()));
      assertThat(path.resolve("lock")).exists();
    }
    assertThat(path).doesNotExist();
  }

  @Test
  void onlyThoseOfTheDeadAreRemoved() throws Exception {
    Path deserted = directory("godwit-vm-0-a", "lock", "qmp");
    Path beingMade = directory("godwit-vm-0-b", "lock.new");
    Path foreign = directory("godwit-other", "lock");
    Path used = directory("godwit-vm-0-c", "lock");
    Process holder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx32m",
                "-cp",
                SoftRoceTests.classPath(),
                Holder.class.getName(),
                used.resolve("lock").toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try {
      assertThat(holder.getInputStream().read()).isEqualTo('\n');

      VmDirectory.removeDeserted(parent);

      assertThat(deserted).doesNotExist();
      assertThat(beingMade).exists();
      assertThat(foreign).exists();
      assertThat(used.resolve("files")).exists();
    } finally {
      holder.destroyForcibly().waitFor();
    }
    VmDirectory.removeDeserted(parent);
    assertThat(used).doesNotExist();
  }

  /** A process that uses a directory until it is killed. */
  static final class Holder {
    private Holder() {}

    public static void main(String[] arguments) throws Exception {
      try (FileChannel lock = FileChannel.open(Path.of(arguments[0]), StandardOpenOption.WRITE)) {
        lock.lock();
        System.out.println();
        System.in.read();
      }
    }
  }
}
