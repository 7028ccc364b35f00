package dev.godwit.transport.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Listener;
import dev.godwit.transport.PositionedChannel;
import dev.godwit.transport.Region;
import dev.godwit.transport.kernel.Pair;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
final class FileTransportTest {
  private static final int BLOCK_BYTES = 4096;

  @TempDir private Path scratch = Path.of("");
  private final FileTransport transport = new FileTransport();

  private Path image() {
    return scratch.resolve("image");
  }

  private Channel dial(String uri) throws ChannelException {
    try (Dialer dialer = transport.dialer(Endpoint.parse(uri))) {
      return dialer.dial(Deadline.after(Pair.PATIENCE));
    }
  }

  private Channel accept(String uri) throws ChannelException {
    try (Listener listener = transport.listen(Endpoint.parse(uri))) {
      return listener.accept(Deadline.after(Pair.PATIENCE));
    }
  }

  private void save(String uri, String text) throws ChannelException {
    try (Channel channel = dial(uri)) {
      channel.write(Pair.bytes(text));
    }
  }

  @Test
  void aNewFileIsItsOwnersAlone() throws Exception {
    save("file:" + image(), "saved");
    assertThat(image()).hasContent("saved");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(image())))
        .isEqualTo("rw-------");
    try (Channel channel = accept("file:" + image())) {
      assertThat(Pair.readAll(channel)).isEqualTo("saved");
    }
  }

  @ParameterizedTest
  @CsvSource({"4096, 4096", "0x1000, 4096", "4k, 4096", "1M, 1048576", "010, 10"})
  void whatIsBeforeTheOffsetIsKept(String offset, int bytes) throws Exception {
    byte[] before = new byte[2 * bytes];
    before[bytes - 1] = 'b';
    before[bytes] = 'x';
    Files.write(image(), before);
    save("file:" + image() + ",offset=" + offset, "saved");
    byte[] after = Files.readAllBytes(image());
    assertThat(after).hasSize(bytes + 5);
    assertThat(after[bytes - 1]).isEqualTo((byte) 'b');
    try (Channel channel = accept("file:" + image() + "?offset=" + offset)) {
      assertThat(Pair.readAll(channel)).isEqualTo("saved");
    }
  }

  @Test
  void aNewFileBeginsWithAHoleBeforeTheOffset() throws Exception {
    save("file:" + image() + ",offset=64k", "");
    assertThat(Files.size(image())).isEqualTo(65536);
  }

  @Test
  void furtherWritersOfOneFileDoNotCutItOff() throws Exception {
    Files.writeString(image(), "0123456789");
    try (PositionedChannel channel =
        (PositionedChannel) dial("file:" + image() + ",truncate=off")) {
      channel.position(4);
      channel.write(Pair.bytes("xy"));
    }
    assertThat(image()).hasContent("0123xy6789");
  }

  /**
   * O_DIRECT takes none of it but the middle, and that only where the temporary files' disk can.
   */
  @Test
  void directFilesTakeWhatIsNotAligned() throws Exception {
    String uri = "file:" + image() + "?direct=on";
    byte[] bytes = Io.bytes(Seed.of("FileTransportTest").random(), 3 * BLOCK_BYTES + 7);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(bytes.length, BLOCK_BYTES);
      memory.copyFrom(MemorySegment.ofArray(bytes));
      try (PositionedChannel channel = (PositionedChannel) dial(uri)) {
        channel.write(memory.asSlice(0, 5).asByteBuffer());
        channel.position(BLOCK_BYTES);
        channel.write(memory.asSlice(BLOCK_BYTES, BLOCK_BYTES).asByteBuffer());
        channel.write(memory.asSlice(2 * BLOCK_BYTES).asByteBuffer(), Pair.bytes("end"));
        channel.position(5);
        channel.write(memory.asSlice(5, BLOCK_BYTES - 5).asByteBuffer());
      }
      assertThat(Files.readAllBytes(image()))
          .startsWith(bytes)
          .hasSize(bytes.length + 3)
          .endsWith('e', 'n', 'd');
      memory.fill((byte) 0);
      try (PositionedChannel channel = (PositionedChannel) accept(uri)) {
        Region region = channel.info().peer().register("ram", memory, Access.LOCAL);
        channel.get(region, 0, BLOCK_BYTES + 1);
        channel.position(BLOCK_BYTES);
        channel.get(region, BLOCK_BYTES, 2 * BLOCK_BYTES + 7);
        assertThat(memory.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(bytes);
        assertThat(Pair.readAll(channel)).isEqualTo("end");
      }
    }
  }

  @Test
  void positionsAreOfTheWholeFile() throws Exception {
    try (PositionedChannel channel = (PositionedChannel) dial("file:" + image() + ",offset=10")) {
      assertThat(channel.position()).isEqualTo(10);
      channel.write(Pair.bytes("ab"));
      assertThat(channel.position()).isEqualTo(12);
      channel.position(1 << 20);
      channel.write(Pair.bytes("c"));
      channel.position(10);
      channel.write(Pair.bytes("A"));
      assertThatThrownBy(() -> channel.position(-1)).isInstanceOf(IndexOutOfBoundsException.class);
      channel.abort(new IllegalStateException("Enough"));
      assertThatThrownBy(channel::position).isInstanceOf(ChannelException.Aborted.class);
      assertThatThrownBy(() -> channel.position(0)).isInstanceOf(ChannelException.Aborted.class);
    }
  }

  @Test
  void positionsServeReadersToo() throws Exception {
    Files.writeString(image(), "0123456789");
    try (PositionedChannel channel = (PositionedChannel) accept("file:" + image())) {
      channel.position(7);
      assertThat(Pair.readAll(channel)).isEqualTo("789");
      channel.position(0);
      assertThat(channel.read(ByteBuffer.allocate(3))).isEqualTo(3);
      assertThat(channel.position()).isEqualTo(3);
    }
  }

  @Test
  void halfAFileIsRemovedIfItWasMadeHere() throws Exception {
    Channel channel = dial("file:" + image());
    channel.write(Pair.bytes("half"));
    channel.abort(new IllegalStateException("Enough"));
    channel.close();
    assertThat(image()).doesNotExist();

    Files.writeString(image(), "before");
    Channel other = dial("file:" + image());
    other.write(Pair.bytes("half"));
    other.abort(new IllegalStateException("Enough"));
    other.close();
    assertThat(image()).exists();
  }

  @Test
  void anotherFileThatTookItsPlaceIsLeft() throws Exception {
    Channel channel = dial("file:" + image());
    Files.delete(image());
    Files.writeString(image(), "precious");
    channel.abort(new IllegalStateException("Enough"));
    channel.close();
    assertThat(image()).hasContent("precious");
  }

  @Test
  void aFullDiskNamesTheFile() throws Exception {
    try (Channel channel = dial("file:/dev/full")) {
      assertThatThrownBy(() -> channel.write(Pair.bytes("x")))
          .isInstanceOfSatisfying(
              ChannelException.Native.class, e -> assertThat(e.call()).isEqualTo("write"))
          .hasMessage("There is no room left for /dev/full: No space left on device");
    }
    assertThat(Path.of("/dev/full")).exists();
  }

  @ParameterizedTest
  @ValueSource(strings = {"file:", "file:/tmp/x,offset=much", "file:/tmp/x,append=on"})
  void refusesWhatMakesNoSense(String uri) {
    assertThatThrownBy(() -> transport.dialer(Endpoint.parse(uri)))
        .isInstanceOf(EndpointException.class);
    assertThatThrownBy(() -> transport.listen(Endpoint.parse(uri)))
        .isInstanceOf(EndpointException.class);
  }

  @Test
  void refusesWhatIsNoFile() throws Exception {
    Path pipe = scratch.resolve("pipe");
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    for (Path path : new Path[] {pipe, scratch, scratch.resolve("missing/image")}) {
      assertThatThrownBy(() -> dial("file:" + path))
          .as("%s", path)
          .isInstanceOf(ChannelException.Refused.class);
      assertThatThrownBy(() -> transport.listen(Endpoint.parse("file:" + path)))
          .as("%s", path)
          .isInstanceOf(ChannelException.Refused.class);
    }
  }

  @Test
  void anOffsetBehindTheEndIsRefused() throws Exception {
    Files.writeString(image(), "12345");
    accept("file:" + image() + ",offset=5").close();
    assertThatThrownBy(() -> transport.listen(Endpoint.parse("file:" + image() + ",offset=6")))
        .isInstanceOf(ChannelException.Refused.class)
        .hasMessageContaining("5 bytes");
  }

  @Test
  void aFileIsAcceptedOnce() throws Exception {
    Files.writeString(image(), "x");
    try (Listener listener = transport.listen(Endpoint.parse("file:" + image()))) {
      listener.accept(Deadline.after(Pair.PATIENCE)).close();
      assertThatThrownBy(() -> listener.accept(Deadline.after(Duration.ofMillis(20))))
          .isInstanceOf(ChannelException.TimedOut.class);
    }
  }
}
