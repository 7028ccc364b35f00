package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.image.ImageLane;
import dev.godwit.channel.image.MappedRamReader;
import dev.godwit.channel.image.MappedRamWriter;
import dev.godwit.channel.ram.MappedRamHeader;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.PositionedChannel;
import dev.godwit.transport.Transports;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Files in which QEMU 10.0 gave each page a place, read and written again over {@code file:}. */
@ExtendWith(Captures.Shared.class)
final class MappedRamFileTest {
  private static final Transports TRANSPORTS = Transports.load();
  private static final int PAGE_BYTES = 4096;

  /** The blocks of a {@code pc} (qemu-wire.md §3.2). */
  private static final Map<String, Integer> LENGTHS =
      Map.of(
          "pc.ram", Capture.MEMORY_MIB << 20,
          "/rom@etc/acpi/tables", 0x20000,
          "pc.bios", 0x40000,
          "pc.rom", 0x20000,
          "/rom@etc/table-loader", 0x1000,
          "/rom@etc/acpi/rsdp", 0x1000);

  @TempDir private Path directory;

  /** A file without its pages: the stream before the block table, and behind it. */
  private record Frame(ByteBuffer before, List<RamBlock> table, ByteBuffer after) {}

  @ParameterizedTest
  @CsvSource({"MAPPED_RAM, 1", "MAPPED_RAM, 3", "MAPPED_RAM_MULTIFD, 1", "MAPPED_RAM_MULTIFD, 3"})
  void givesTheMemoryThatQemuSaved(Mode mode, int lanes, Captures captures) throws Exception {
    Capture capture = captures.of(new Kind(mode, QemuVersion.V10_0));
    try (Arena arena = Arena.ofShared()) {
      RamBlocks blocks = blocks(arena);

      Frame frame = read(capture.main().forward(), blocks, lanes);

      RamBlock ram = blocks.named("pc.ram").orElseThrow();
      assertThat(capture.firstDifference(ram.memory().asByteBuffer())).isEmpty();
      assertThat(frame.table).hasSameSizeAs(blocks.all());
    }
  }

  /** The same stream around the same memory is the same file, holes and all. */
  @ParameterizedTest
  @CsvSource({"MAPPED_RAM, 1", "MAPPED_RAM, 3", "MAPPED_RAM_MULTIFD, 2"})
  void writesWhatQemuWrote(Mode mode, int lanes, Captures captures) throws Exception {
    Path image = captures.of(new Kind(mode, QemuVersion.V10_0)).main().forward();
    Path again = directory.resolve("again.bin");
    try (Arena arena = Arena.ofShared()) {
      RamBlocks blocks = blocks(arena);

      write(again, read(image, blocks, 1), blocks, lanes);
    }

    assertThat(Files.mismatch(image, again)).isEqualTo(-1);
  }

  static RamBlocks blocks(Arena arena) {
    return new RamBlocks(
        LENGTHS.entrySet().stream()
            .map(
                block ->
                    new RamBlock(
                        block.getKey(), arena.allocate(block.getValue(), PAGE_BYTES), PAGE_BYTES))
            .toList());
  }

  private static Frame read(Path image, RamBlocks blocks, int lanes) throws Exception {
    try (Opened opened = new Opened()) {
      PositionedChannel stream = opened.toRead(image);
      try (StreamInput in = new StreamInput(stream, "main")) {
        MappedRamReader reader = new MappedRamReader(stream);
        List<ImageLane> ways = opened.lanes(lanes, blocks, () -> opened.toRead(image));
        byte[] before = in.bytes(lengthBeforeTable(image));
        List<RamBlock> table = new ArrayList<>();
        for (long left = in.u64() & -PAGE_BYTES; left > 0; ) {
          RamBlock block = blocks.named(in.name("block")).orElseThrow();
          assertThat(in.u64()).isEqualTo(block.lengthBytes());
          MappedRamHeader header = MappedRamHeader.read(in, PAGE_BYTES, block.lengthBytes());
          reader.step(
              in,
              new RamTable.Entry(
                  block.name(),
                  block.lengthBytes(),
                  OptionalLong.empty(),
                  OptionalLong.empty(),
                  Optional.of(header)));
          reader.fill(in, ways, block, header);
          table.add(block);
          left -= block.lengthBytes();
        }
        ByteArrayOutputStream after = new ByteArrayOutputStream();
        while (in.hasMore()) {
          after.write(in.u8());
        }
        return new Frame(ByteBuffer.wrap(before), table, ByteBuffer.wrap(after.toByteArray()));
      }
    }
  }

  /** The section of RAM is the first, and its table follows the name, instance and version. */
  private static int lengthBeforeTable(Path image) throws IOException {
    byte[] head = new byte[512];
    try (InputStream in = Files.newInputStream(image)) {
      in.readNBytes(head, 0, head.length);
    }
    String text = new String(head, StandardCharsets.ISO_8859_1);
    return text.indexOf("\3ram\0\0\0\0\0\0\0\4") + 12;
  }

  private static void write(Path image, Frame frame, RamBlocks blocks, int lanes) throws Exception {
    try (Opened opened = new Opened()) {
      PositionedChannel stream = opened.toWrite("file:" + image);
      String further = "file:" + image + "?truncate=off";
      try (StreamOutput out = new StreamOutput(stream);
          MappedRamWriter writer =
              new MappedRamWriter(
                  stream, opened.lanes(lanes, blocks, () -> opened.toWrite(further)), PAGE_BYTES)) {
        out.bytes(frame.before);
        out.u64(blocks.totalBytes() | 4);
        for (RamBlock block : frame.table) {
          out.name(block.name());
          out.u64(block.lengthBytes());
          writer.place(out, block, soon());
        }
        for (RamBlock block : frame.table) {
          writer.write(block);
        }
        writer.finish(out);
        out.bytes(frame.after);
        out.flush();
      }
    }
  }

  private static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(10));
  }

  /** Opens a channel. */
  @FunctionalInterface
  private interface Opening {
    PositionedChannel open() throws Exception;
  }

  /** All that was opened on the way to some channels, closed from the last to the first. */
  private static final class Opened implements AutoCloseable {
    private final Deque<AutoCloseable> all = new ArrayDeque<>();

    PositionedChannel toRead(Path image) throws Exception {
      Listener listener = TRANSPORTS.listen(Endpoint.parse("file:" + image));
      all.push(listener);
      return positioned(listener.accept(soon()));
    }

    PositionedChannel toWrite(String uri) throws Exception {
      Dialer dialer = TRANSPORTS.dialer(Endpoint.parse(uri));
      all.push(dialer);
      return positioned(dialer.dial(soon()));
    }

    List<ImageLane> lanes(int count, RamBlocks blocks, Opening opening) throws Exception {
      List<ImageLane> lanes = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        PositionedChannel channel = opening.open();
        RamRegions regions = new RamRegions(blocks, channel.info().peer(), Access.LOCAL);
        all.push(regions);
        lanes.add(new ImageLane(channel, regions));
      }
      return lanes;
    }

    private PositionedChannel positioned(Channel channel) {
      all.push(channel);
      return (PositionedChannel) channel;
    }

    @Override
    public void close() throws Exception {
      while (!all.isEmpty()) {
        all.pop().close();
      }
    }
  }
}
