package dev.godwit.lab.stream;

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
import dev.godwit.channel.ram.RamWord;
import dev.godwit.channel.stream.SectionHeader;
import dev.godwit.channel.stream.StreamCopier;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamItem;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.channel.stream.StreamReader;
import dev.godwit.channel.stream.StreamReader.FullSection;
import dev.godwit.channel.stream.StreamWriter;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.StreamRegions;
import dev.godwit.transport.testkit.ArrayChannel;
import dev.godwit.transport.testkit.OneChannel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The ways in which a whole stream of a real QEMU is read. Each reads all of it, or fails. */
final class Decoders {
  static final int PAGE_BYTES = 4096;

  /** No machine of a test has more, and what a damaged table claims is not believed. */
  private static final long CEILING_BYTES = 64L << 20;

  /** Small, so that much of a stream crosses its end. */
  private static final int BUFFER_BYTES = 16 << 10;

  /** Much longer than any of these takes: whoever meets it hangs. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private Decoders() {}

  /**
   * A stream that was copied.
   *
   * @param bytes that were written
   * @param pages where its pages were
   * @param devices offset of the first device's state
   * @param length of what was read
   */
  @SuppressWarnings("ArrayRecordComponent")
  record Copied(byte[] bytes, List<RecordCopier.Place> pages, int devices, int length) {}

  /** Reads a main channel item by item and writes all of it again. */
  static Copied copy(byte[] bytes, int length) throws IOException {
    ArrayChannel to = ArrayChannel.of(new byte[0]);
    try (StreamInput in = new StreamInput(ArrayChannel.of(bytes, length), "main", BUFFER_BYTES);
        StreamOutput out = new StreamOutput(to)) {
      RecordCopier ram = new RecordCopier(out);
      StreamReader reader = StreamReader.of(in);
      new StreamCopier(reader, StreamWriter.of(out), ram).copy();
      long devices = reader.fullSections().stream().mapToLong(FullSection::offset).min().orElse(0);
      return new Copied(to.written(), ram.places(), (int) devices, (int) in.offset());
    }
  }

  /** What is done with a guest before its memory is gone. */
  @FunctionalInterface
  interface Use {
    void of(GuestImage image) throws IOException;
  }

  /** Reads a main channel into a guest at rest. */
  static void image(byte[] bytes, int length, Use use) throws IOException {
    OneChannel source = new OneChannel(ArrayChannel.of(bytes, length));
    ImageReceiver.Options options =
        new ImageReceiver.Options(CEILING_BYTES, Optional.empty(), LaneOpener.none());
    try (ImageReceiver receiver = new ImageReceiver(source, options)) {
      use.of(receiver.receive());
    }
  }

  /** The stream of a guest at rest. */
  static byte[] write(GuestImage image) throws IOException {
    ArrayChannel channel = ArrayChannel.sink();
    ImageSender.Options options = ImageSender.Options.stream(Optional.empty(), true, PATIENCE);
    try (ImageSender sender = new ImageSender(new OneChannel(channel), options)) {
      sender.send(image);
    }
    return channel.written();
  }

  /** Where the main channel's table of RAM blocks begins. */
  static int tableAt(byte[] main) throws IOException {
    try (StreamInput in = new StreamInput(ArrayChannel.of(main), "main", BUFFER_BYTES)) {
      StreamReader reader = StreamReader.of(in);
      while (!(reader.next().orElseThrow() instanceof SectionHeader)) {
        // The section of RAM is the first.
      }
      return (int) in.offset();
    }
  }

  /** The length of the main channel's table of RAM blocks. */
  static int tableBytes(byte[] main) throws IOException {
    try (StreamInput in = new StreamInput(ArrayChannel.of(main), "main", BUFFER_BYTES)) {
      int start = tableAt(main);
      in.skip(start);
      long total = RamWord.address(in.u64(), PAGE_BYTES);
      RamTable.read(in, total, RamTable.Layout.plain(PAGE_BYTES), entry -> {});
      return (int) in.offset() - start;
    }
  }

  /** Applies so many bodies of RAM sections. */
  static void records(byte[] bodies, int count, RamDestination memory) throws IOException {
    ArrayChannel channel = ArrayChannel.of(bodies);
    try (StreamInput in = new StreamInput(channel, "records", BUFFER_BYTES);
        RamSectionReader ram =
            new RamSectionReader(
                in,
                channel,
                RamDialect.ANY,
                RamTable.Layout.plain(PAGE_BYTES),
                memory,
                RamSectionReader.Marks.NONE)) {
      for (int i = 0; i < count; i++) {
        ram.readSection();
      }
    }
  }

  /** Memory for the blocks that the main channel's table names. */
  static RamBlocks blocks(byte[] main, Arena arena) throws IOException {
    try (StreamInput in = new StreamInput(ArrayChannel.of(main), "main", BUFFER_BYTES)) {
      in.skip(tableAt(main));
      long total = RamWord.address(in.u64(), PAGE_BYTES);
      RamTable table = RamTable.read(in, total, RamTable.Layout.plain(PAGE_BYTES), entry -> {});
      return new RamBlocks(
          table.blocks().stream()
              .map(
                  entry ->
                      new RamBlock(
                          entry.name(),
                          arena.allocate(entry.lengthBytes(), PAGE_BYTES),
                          PAGE_BYTES))
              .toList());
    }
  }

  /** How the multifd channels of such a capture are read. */
  static MultifdSettings settings(Kind kind, int channels) {
    Dialect dialect = kind.version() == QemuVersion.V7_2 ? Dialect.V7_2 : Dialect.V10_0;
    MultifdCompression compression =
        switch (kind.mode()) {
          case MULTIFD_ZLIB -> MultifdCompression.ZLIB;
          case MULTIFD_ZSTD -> MultifdCompression.ZSTD;
          default -> MultifdCompression.NONE;
        };
    return MultifdSettings.of(dialect, channels)
        .with(compression, MultifdCompression.DEFAULT_LEVEL);
  }

  /**
   * Reads a main channel together with its multifd channels.
   *
   * @param blocks of the guest, which are overwritten
   * @param channels in any order; each ends in order
   */
  static void multifd(
      MultifdSettings settings, RamBlocks blocks, byte[] main, List<ArrayChannel> channels)
      throws IOException {
    ArrayChannel channel = ArrayChannel.of(main);
    try (RamRegions regions = new RamRegions(blocks, new StreamRegions(), Access.LOCAL);
        MultifdReceiver receiver =
            new MultifdReceiver(settings, blocks, regions, Optional.empty(), failure -> {});
        StreamInput in = new StreamInput(channel, "main", BUFFER_BYTES);
        RamSectionReader ram =
            new RamSectionReader(
                in,
                channel,
                RamDialect.ANY,
                RamTable.Layout.plain(PAGE_BYTES),
                RamDestination.of(blocks),
                new SyncMarks(settings.dialect(), receiver))) {
      for (ArrayChannel one : channels) {
        receiver.add(one);
      }
      StreamReader reader = StreamReader.of(in);
      for (Optional<StreamItem> next = reader.next(); next.isPresent(); next = reader.next()) {
        if (next.get() instanceof SectionHeader header) {
          if (header.section().isRam()) {
            reader.body((same, ignored) -> ram.readSection());
          } else {
            reader.bodyUntilFooter(piece -> {});
          }
        }
      }
      receiver.finish();
    } catch (UnmetSync e) {
      throw e.failure;
    }
  }

  /**
   * Reads the only multifd channel of a migration, with as many marks as its main channel has.
   *
   * @param blocks of the guest, which are overwritten
   */
  static void multifd(MultifdSettings settings, RamBlocks blocks, ArrayChannel channel, int marks)
      throws IOException {
    try (RamRegions regions = new RamRegions(blocks, new StreamRegions(), Access.LOCAL);
        MultifdReceiver receiver =
            new MultifdReceiver(settings, blocks, regions, Optional.empty(), failure -> {})) {
      receiver.add(channel);
      for (int mark = 0; mark < marks; mark++) {
        receiver.awaitSync(Deadline.after(PATIENCE));
      }
      receiver.finish();
    }
  }

  /** The marks of the main channel at which that dialect's channels wait. */
  private record SyncMarks(Dialect dialect, MultifdReceiver receiver)
      implements RamSectionReader.Marks {
    @Override
    public void flush(long offset) {
      if (dialect == Dialect.V10_0) {
        sync();
      }
    }

    @Override
    public void end(long offset) {
      if (dialect == Dialect.V7_2) {
        sync();
      }
    }

    private void sync() {
      try {
        receiver.awaitSync(Deadline.after(PATIENCE));
      } catch (MultifdException e) {
        throw new UnmetSync(e);
      }
    }
  }

  /** What a mark cannot throw by itself. */
  private static final class UnmetSync extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final MultifdException failure;

    UnmetSync(MultifdException failure) {
      super(failure);
      this.failure = failure;
    }
  }

  /**
   * Reads a mapped-ram file.
   *
   * @param blocks of the guest, which are overwritten
   */
  static void mappedRam(RamBlocks blocks, byte[] file, int length, int lanes) throws IOException {
    mappedRam(blocks, file, length, lanes, new ArrayList<>());
  }

  /** A block and where it is in the file. */
  record MappedBlock(RamBlock block, MappedRamHeader header) {}

  /** The blocks of a mapped-ram file in its order. */
  static List<MappedBlock> mappedBlocks(byte[] file, RamBlocks blocks) throws IOException {
    List<MappedBlock> read = new ArrayList<>();
    mappedRam(blocks, file, file.length, 1, read);
    return read;
  }

  private static void mappedRam(
      RamBlocks blocks, byte[] file, int length, int lanes, List<MappedBlock> read)
      throws IOException {
    ArrayChannel stream = ArrayChannel.of(file, length);
    RamTable.Layout layout = new RamTable.Layout(PAGE_BYTES, name -> false, false, true, false);
    try (RamRegions regions = new RamRegions(blocks, new StreamRegions(), Access.LOCAL);
        StreamInput in = new StreamInput(stream, "main", BUFFER_BYTES)) {
      MappedRamReader pages = new MappedRamReader(stream);
      List<ImageLane> ways =
          Stream.generate(() -> new ImageLane(ArrayChannel.of(file, length), regions))
              .limit(lanes)
              .toList();
      StreamReader reader = StreamReader.of(in);
      for (Optional<StreamItem> next = reader.next(); next.isPresent(); next = reader.next()) {
        if (next.get() instanceof SectionHeader header) {
          if (header.section().isRam()) {
            reader.body((same, ignored) -> section(in, layout, blocks, pages, ways, read));
          } else {
            reader.bodyUntilFooter(piece -> {});
          }
        }
      }
    }
  }

  private static void section(
      StreamInput in,
      RamTable.Layout layout,
      RamBlocks blocks,
      MappedRamReader pages,
      List<ImageLane> ways,
      List<MappedBlock> read)
      throws ChannelException, StreamException {
    long start = in.offset();
    long word = in.u64();
    if (RamWord.flags(word, PAGE_BYTES) == RamWord.MEM_SIZE) {
      RamTable.AfterEntry fill =
          entry -> {
            RamBlock block =
                blocks
                    .named(entry.name())
                    .filter(here -> here.lengthBytes() == entry.lengthBytes())
                    .orElseThrow(() -> in.mismatched(start, "Another block"));
            MappedRamHeader header = entry.mappedRam().orElseThrow();
            pages.step(in, entry);
            pages.fill(in, ways, block, header);
            read.add(new MappedBlock(block, header));
          };
      RamTable.read(in, RamWord.address(word, PAGE_BYTES), layout, fill)
          .requireFits(blocks, in, start);
      word = in.u64();
    }
    if (word != RamWord.EOS) {
      throw in.malformed(start, "A mapped-ram file has no records");
    }
  }
}
