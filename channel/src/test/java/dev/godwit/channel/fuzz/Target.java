package dev.godwit.channel.fuzz;

import dev.godwit.channel.image.GuestImage;
import dev.godwit.channel.image.ImageLane;
import dev.godwit.channel.image.ImageReceiver;
import dev.godwit.channel.image.ImageSender;
import dev.godwit.channel.image.LaneOpener;
import dev.godwit.channel.image.MappedRamReader;
import dev.godwit.channel.multifd.Dialect;
import dev.godwit.channel.multifd.MultifdCompression;
import dev.godwit.channel.multifd.MultifdException;
import dev.godwit.channel.multifd.MultifdReceiver;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.ram.MappedRamHeader;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamDestination;
import dev.godwit.channel.ram.RamDialect;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.channel.ram.RamSectionReader;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.returnpath.ReturnPathMessage;
import dev.godwit.channel.returnpath.ReturnPathReader;
import dev.godwit.channel.stream.ByteSink;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.SectionHeader;
import dev.godwit.channel.stream.SectionTable;
import dev.godwit.channel.stream.StreamCopier;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.channel.stream.StreamReader;
import dev.godwit.channel.stream.StreamWriter;
import dev.godwit.channel.stream.VmDescription;
import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.StreamRegions;
import dev.godwit.transport.testkit.ArrayChannel;
import dev.godwit.transport.testkit.OneChannel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A decoder, and what it must do with any bytes at all: refuse them by a typed error that says
 * where, or read something that can be written again.
 */
@SuppressWarnings("ImmutableEnumChecker") // functions without state
public enum Target {
  CONFIGURATION(frame((in, out) -> Configuration.read(in).write(out))),

  BLOCK_TABLE(frame(Target::copyTable)),

  DESCRIPTION(
      frame(
          (in, out) -> {
            VmDescription description = VmDescription.read(in);
            description.parse();
            description.write(out);
          })),

  RETURN_PATH(frame(Target::copyAnswers)),

  /** All items of a main channel but RAM, which is no stream here. */
  ITEMS(
      frame(
          (in, out) ->
              new StreamCopier(
                      StreamReader.of(in),
                      StreamWriter.of(out),
                      (same, header) -> ByteSink.pass(in, Long.BYTES, out::bytes))
                  .copy())),

  /** As {@link #ITEMS}, of a connection that goes on with postcopy; section 1 is RAM. */
  RECOVERY(frame(Target::copyRecovery)),

  RECORDS(Target::readRecords),

  GUEST(bytes -> readGuest(bytes, true)),

  MULTIFD_PLAIN(bytes -> readChannel(bytes, MultifdCompression.NONE)),
  MULTIFD_ZLIB(bytes -> readChannel(bytes, MultifdCompression.ZLIB)),
  MULTIFD_ZSTD(bytes -> readChannel(bytes, MultifdCompression.ZSTD)),

  MAPPED_RAM(Target::readMappedRam);

  private static final int PAGE = 4096;
  private static final int PAGES = 4;
  private static final int MAX_BITMAP_BYTES = 1 << 16;
  private static final long MAX_RAM_BYTES = 1 << 20;
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final Decoding decoding;

  Target(Decoding decoding) {
    this.decoding = decoding;
  }

  /** Reads bytes. */
  @FunctionalInterface
  private interface Decoding {
    void decode(byte[] bytes) throws IOException;
  }

  /** Reads something and writes it again. */
  @FunctionalInterface
  private interface Copying {
    void copy(StreamInput in, StreamOutput out) throws IOException;
  }

  /** Passes if the decoder does with {@code bytes} what it must; true if it took them. */
  public boolean bears(byte[] bytes) throws IOException {
    try {
      decoding.decode(bytes);
      return true;
    } catch (StreamException e) {
      if (e.offset() < 0) {
        throw new AssertionError("No place is before the first", e);
      }
      return false;
    } catch (ChannelException.EndedEarly | ChannelException.Violated e) {
      return false;
    } catch (MultifdException e) {
      if (e.getCause() instanceof StreamException
          || e.getCause() instanceof ChannelException.EndedEarly
          || e.getCause() instanceof ChannelException.Violated) {
        return false;
      }
      throw e;
    }
  }

  private static Decoding frame(Copying copying) {
    return bytes -> {
      ArrayChannel to = ArrayChannel.of(new byte[0]);
      try (StreamInput in = new StreamInput(ArrayChannel.of(bytes), "main", 512);
          StreamOutput out = new StreamOutput(to, 512)) {
        copying.copy(in, out);
        out.flush();
        byte[] read = Arrays.copyOf(bytes, (int) in.offset());
        if (!Arrays.equals(read, to.written())) {
          throw new AssertionError("What was read is written in another way");
        }
      }
    };
  }

  private static void copyTable(StreamInput in, StreamOutput out) throws IOException {
    long total = in.u64();
    if (total % PAGE != 4) {
      throw in.malformed(0, "This is another record");
    }
    RamTable.read(in, total - 4, RamTable.Layout.plain(PAGE), entry -> {}).write(out);
  }

  private static void copyAnswers(StreamInput in, StreamOutput out) throws IOException {
    ReturnPathReader reader = new ReturnPathReader(in, MAX_BITMAP_BYTES);
    for (Optional<ReturnPathMessage> next = reader.next(); next.isPresent(); next = reader.next()) {
      next.get().write(out);
    }
  }

  private static void copyRecovery(StreamInput in, StreamOutput out) throws IOException {
    new StreamCopier(
            StreamReader.ofRecovery(in, known()),
            StreamWriter.ofRecovery(out, known()),
            (same, header) -> ByteSink.pass(in, Long.BYTES, out::bytes))
        .copy();
  }

  /** What was announced on the connection before. */
  private static SectionTable known() throws IOException {
    byte[] ram = {1, 0, 0, 0, 1, 3, 'r', 'a', 'm', 0, 0, 0, 0, 0, 0, 0, 4};
    try (StreamInput before = new StreamInput(ArrayChannel.of(ram), "main", 512)) {
      SectionTable known = StreamReader.of(before).sections();
      SectionHeader.read(before, known);
      return known;
    }
  }

  private static RamBlocks blocks(Arena arena) {
    return new RamBlocks(
        List.of(
            new RamBlock("b", arena.allocate((PAGES - 1) * PAGE, PAGE), PAGE),
            new RamBlock("c", arena.allocate(PAGE, PAGE), PAGE)));
  }

  private static void readRecords(byte[] bytes) throws IOException {
    ArrayChannel channel = ArrayChannel.of(bytes);
    try (Arena arena = Arena.ofShared();
        StreamInput in = new StreamInput(channel, "main", 512);
        RamSectionReader reader =
            new RamSectionReader(
                in,
                channel,
                RamDialect.ANY,
                RamTable.Layout.plain(PAGE),
                RamDestination.of(blocks(arena)),
                RamSectionReader.Marks.NONE)) {
      while (in.hasMore()) {
        reader.readSection();
      }
    }
  }

  private static void readGuest(byte[] bytes, boolean again) throws IOException {
    ImageReceiver.Options options =
        new ImageReceiver.Options(MAX_RAM_BYTES, Optional.empty(), LaneOpener.none());
    try (ImageReceiver receiver =
        new ImageReceiver(new OneChannel(ArrayChannel.of(bytes)), options)) {
      GuestImage image = receiver.receive();
      if (again) {
        writeGuest(image);
      }
    } catch (ChannelException.Unsupported e) {
      // A file with places, which this is not.
    }
  }

  private static void writeGuest(GuestImage image) throws IOException {
    ArrayChannel channel = ArrayChannel.sink();
    ImageSender.Options options = ImageSender.Options.stream(Optional.empty(), true, PATIENCE);
    try (ImageSender sender = new ImageSender(new OneChannel(channel), options)) {
      sender.send(image);
    }
    try {
      readGuest(channel.written(), false);
    } catch (StreamException e) {
      throw new AssertionError("A guest that was read and written cannot be read", e);
    }
  }

  private static void readChannel(byte[] bytes, MultifdCompression compression) throws IOException {
    MultifdSettings settings =
        MultifdSettings.of(Dialect.V10_0, 1).with(compression, MultifdCompression.DEFAULT_LEVEL);
    try (Arena arena = Arena.ofShared()) {
      RamBlocks blocks = blocks(arena);
      try (RamRegions regions = new RamRegions(blocks, new StreamRegions(), Access.LOCAL);
          MultifdReceiver receiver =
              new MultifdReceiver(settings, blocks, regions, Optional.empty(), failure -> {})) {
        receiver.add(ArrayChannel.of(bytes));
        receiver.awaitSync(Deadline.after(PATIENCE));
        receiver.awaitSync(Deadline.after(PATIENCE));
        receiver.finish();
      }
    }
  }

  /** Blocks as a table has them, each with its header, and behind the last whatever there is. */
  private static void readMappedRam(byte[] bytes) throws IOException {
    ArrayChannel stream = ArrayChannel.of(bytes);
    try (Arena arena = Arena.ofShared();
        StreamInput in = new StreamInput(stream, "main", 512)) {
      RamBlocks blocks = blocks(arena);
      try (RamRegions regions = new RamRegions(blocks, new StreamRegions(), Access.LOCAL)) {
        MappedRamReader reader = new MappedRamReader(stream);
        List<ImageLane> ways = List.of(new ImageLane(ArrayChannel.of(bytes), regions));
        for (RamBlock block : blocks.all()) {
          MappedRamHeader header = MappedRamHeader.read(in, PAGE, block.lengthBytes());
          reader.step(
              in,
              new RamTable.Entry(
                  block.name(),
                  block.lengthBytes(),
                  OptionalLong.empty(),
                  OptionalLong.empty(),
                  Optional.of(header)));
          reader.fill(in, ways, block, header);
        }
      }
    }
  }
}
