package dev.godwit.transport.layer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Layer;
import dev.godwit.transport.support.Ends;
import dev.godwit.transport.testkit.Io;
import java.io.FileOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RecordingTest {
  private final Path directory;

  RecordingTest(@TempDir Path directory) {
    this.directory = directory;
  }

  private Path file(String name) {
    return directory.resolve(name);
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void keepsWhatItIsGivenAndWhereTheBufferStands() throws Exception {
    Path file = Files.createFile(file("7-0.out"));
    ByteBuffer bytes = ByteBuffer.wrap(new byte[] {9, 1, 2, 3, 9}).position(1).limit(4);
    try (Recording recording = new Recording(file, new FileOutputStream(file.toFile()))) {
      recording.add(bytes);
      recording.add(bytes.asReadOnlyBuffer());
      recording.add(MemorySegment.ofArray(new byte[100_000]));
    }
    assertThat(bytes.position()).isEqualTo(1);
    assertThat(Files.readAllBytes(file)).startsWith(1, 2, 3, 1, 2, 3, 0).hasSize(100_006);
  }

  @Test
  void aFullDiskEndsItAndItsNameSaysSo() throws Exception {
    Path file = Files.createFile(file("7-0.out"));
    try (Recording recording = new Recording(file, new FileOutputStream("/dev/full"))) {
      recording.add(ByteBuffer.allocate(10));
      recording.add(ByteBuffer.allocate(10));
      assertThat(names()).containsExactly("7-0.out.incomplete");
    }
    assertThat(names()).containsExactly("7-0.out.incomplete");
  }

  @Test
  void aSecondTapOfAChannelOverwritesNothing() throws Exception {
    try (Ends ends = Ends.open("")) {
      var wrapping =
          new TapLayer()
              .configure(
                  new Layer.Naming(
                      Endpoint.parse("mem:x"), Layer.Side.DIALLING, file("taps").toString()));
      long serial = ends.dialled().info().serial();
      var once = wrapping.wrap(ends.dialled(), Deadline.never());
      Io.send(once, new byte[] {1});
      var twice = wrapping.wrap(once, Deadline.never());
      Io.send(twice, new byte[] {2});
      twice.close();
      assertThat(Files.readAllBytes(file("taps/" + serial + "-0.out"))).containsExactly(1, 2);
      assertThat(Files.readAllBytes(file("taps/" + serial + "-1.out"))).containsExactly(2);
    }
  }
}
