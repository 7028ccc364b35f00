package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamDestination;
import dev.godwit.channel.returnpath.ReturnPathMessage;
import dev.godwit.channel.returnpath.ReturnPathReader;
import dev.godwit.channel.stream.BlockChunk;
import dev.godwit.channel.stream.Command;
import dev.godwit.channel.stream.DirtyBitmapChunk;
import dev.godwit.channel.stream.EndOfSections;
import dev.godwit.channel.stream.Section;
import dev.godwit.channel.stream.SectionHeader;
import dev.godwit.channel.stream.StreamCopier;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamItem;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.channel.stream.StreamReader;
import dev.godwit.channel.stream.StreamWriter;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.transport.testkit.ArrayChannel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What real QEMUs send besides memory and devices, or in more than one part: read and written again
 * it is the same to the byte, and whoever keeps a guest refuses it and says why.
 */
@ExtendWith(Captures.Shared.class)
final class FurtherStreamsTest {
  private static final byte[] EOS = {0, 0, 0, 0, 0, 0, 0, 0x10};

  static Stream<Kind> further() {
    return Mode.allKinds().filter(kind -> !kind.mode().isPlain());
  }

  static Stream<Kind> wholeMains() {
    return further().filter(kind -> kind.mode() != Mode.RECOVERY);
  }

  @ParameterizedTest
  @MethodSource("wholeMains")
  void isTheSameToTheByteAfterItWasReadAndWritten(Kind kind, Captures captures) throws Exception {
    byte[] main = captures.of(kind).main().bytes();

    byte[] again = Decoders.copy(main, main.length).bytes();

    assertThat(Arrays.mismatch(again, main)).as("first difference").isEqualTo(-1);
  }

  @ParameterizedTest
  @EnumSource
  void tellsWhichPartsOfADiskHaveChanged(QemuVersion version, Captures captures) throws Exception {
    List<DirtyBitmapChunk> chunks = new ArrayList<>();
    sections(
        captures.of(new Kind(Mode.DIRTY_BITMAPS, version)).main().bytes(),
        DirtyBitmapChunk.SECTION,
        in -> {
          DirtyBitmapChunk chunk;
          do {
            chunk = DirtyBitmapChunk.read(in);
            chunks.add(chunk);
            in.skip(chunk.dataBytes());
          } while (!chunk.isLast());
        });

    assertThat(chunks)
        .extracting(DirtyBitmapChunk::bitmap)
        .contains("changed", "clean")
        .containsOnly("changed", "clean", "");
    assertThat(chunks).extracting(DirtyBitmapChunk::node).contains("disk0");
    assertThat(chunks)
        .filteredOn(chunk -> (chunk.flags() & DirtyBitmapChunk.START) != 0)
        .extracting(DirtyBitmapChunk::granularityBytes)
        .containsExactly(65536L, 65536L);
    assertThat(chunks)
        .filteredOn(chunk -> (chunk.flags() & DirtyBitmapChunk.BITS) != 0)
        .as("bits that are set, and that are not")
        .extracting(chunk -> chunk.dataBytes() > 0)
        .contains(true, false);
  }

  @ParameterizedTest
  @EnumSource(names = "V7_2")
  void carriesADisk(QemuVersion version, Captures captures) throws Exception {
    List<BlockChunk> chunks = new ArrayList<>();
    ByteArrayOutputStream disk = new ByteArrayOutputStream();
    sections(
        captures.of(new Kind(Mode.BLOCK, version)).main().bytes(),
        BlockChunk.SECTION,
        in -> {
          BlockChunk chunk;
          do {
            chunk = BlockChunk.read(in);
            chunks.add(chunk);
            disk.writeBytes(in.bytes((int) chunk.dataBytes()));
          } while (!chunk.isLast());
        });

    assertThat(chunks)
        .extracting(BlockChunk::flags)
        .contains(BlockChunk.DEVICE_BLOCK, BlockChunk.PROGRESS, BlockChunk.EOS);
    assertThat(chunks).extracting(BlockChunk::device).contains("ide0-hd0");
    byte[] image = CaptureMaker.GUEST.image();
    assertThat(Arrays.copyOf(disk.toByteArray(), image.length)).isEqualTo(image);
  }

  /** Reads what a section of another name than RAM holds. */
  @FunctionalInterface
  private interface Body {
    void read(StreamInput in) throws IOException;
  }

  /** Has {@code body} read each START, PART and END of that name. */
  private static void sections(byte[] main, String name, Body body) throws IOException {
    try (StreamInput in = new StreamInput(ArrayChannel.of(main), "main");
        StreamOutput nowhere = new StreamOutput(ArrayChannel.of(new byte[0]))) {
      StreamReader reader = StreamReader.of(in);
      RecordCopier ram = new RecordCopier(nowhere);
      for (Optional<StreamItem> next = reader.next(); next.isPresent(); next = reader.next()) {
        if (next.get() instanceof SectionHeader header) {
          if (header.section().isRam()) {
            reader.body(ram);
          } else if (header.section().name().equals(name)) {
            reader.body((same, ignored) -> readOrFail(body, in));
          } else {
            reader.bodyUntilFooter(piece -> {});
          }
        }
      }
    }
  }

  private static void readOrFail(Body body, StreamInput in) throws StreamException {
    try {
      body.read(in);
    } catch (StreamException e) {
      throw e;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** 7.2 ends it with a word, 10.0 just so (qemu-wire.md §5.4). */
  @ParameterizedTest
  @EnumSource
  void bringsPagesThatTheGuestAskedFor(QemuVersion version, Captures captures) throws Exception {
    Capture capture = captures.of(new Kind(Mode.PREEMPT, version));
    byte[] main = capture.main().bytes();
    byte[] preempt = capture.connection("preempt").bytes();
    if (version == QemuVersion.V10_0) {
      preempt = join(preempt, EOS);
    }

    ArrayChannel to = ArrayChannel.of(new byte[0]);
    try (StreamInput in = new StreamInput(ArrayChannel.of(preempt), "preempt");
        StreamOutput out = new StreamOutput(to)) {
      RecordCopier copier = new RecordCopier(out);
      copier.read(in, new SectionHeader(SectionHeader.Kind.PART, new Section(0, "ram", 0, 4)));
      out.flush();
      assertThat(in.hasMore()).isFalse();
      assertThat(copier.places()).isNotEmpty();
    }
    assertThat(to.written()).isEqualTo(preempt);

    int table = Decoders.tableAt(main);
    byte[] start = Arrays.copyOfRange(main, table, table + Decoders.tableBytes(main));
    try (Arena arena = Arena.ofConfined()) {
      RamBlocks blocks = Decoders.blocks(main, arena);
      Decoders.records(join(start, EOS, preempt), 2, RamDestination.of(blocks));
      RamBlock ram = blocks.named("pc.ram").orElseThrow();
      assertThat(ram.memory().mismatch(MemorySegment.ofArray(new byte[(int) ram.lengthBytes()])))
          .as("where memory is not zero")
          .isNotNegative();
    }
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }

  @ParameterizedTest
  @EnumSource
  void goesOnWithAnInterruptedMigration(QemuVersion version, Captures captures) throws Exception {
    Capture capture = captures.of(new Kind(Mode.RECOVERY, version));
    byte[] first = capture.main().bytes();
    byte[] second = capture.connection("recovery").bytes();
    ArrayChannel to = ArrayChannel.of(new byte[0]);
    List<StreamItem> items = new ArrayList<>();
    try (StreamInput before = new StreamInput(ArrayChannel.of(first), "main");
        StreamOutput nowhere = new StreamOutput(ArrayChannel.of(new byte[0]));
        StreamInput in = new StreamInput(ArrayChannel.of(second), "recovery");
        StreamOutput out = new StreamOutput(to)) {
      StreamReader interrupted = StreamReader.of(before);
      StreamWriter written = StreamWriter.of(nowhere);
      StreamException e =
          catchThrowableOfType(
              StreamException.class,
              () -> new StreamCopier(interrupted, written, new RecordCopier(nowhere)).copy());
      assertThat(e.kind()).as("%s", e).isEqualTo(StreamException.Kind.TRUNCATED);
      assertThat(e.offset()).isEqualTo(first.length);

      new StreamCopier(
              StreamReader.ofRecovery(in, interrupted.sections()),
              StreamWriter.ofRecovery(out, written.sections()),
              new RecordCopier(out))
          .copy();
      items.addAll(items(second, interrupted));
    }

    assertThat(to.written()).isEqualTo(second);
    Set<String> blocks = new HashSet<>();
    int item = 0;
    for (; items.get(item) instanceof Command.RecvBitmap asked; item++) {
      blocks.add(asked.block());
    }
    assertThat(blocks).contains("pc.ram", "pc.bios");
    assertThat(items.get(item)).isEqualTo(new Command.PostcopyResume());
    assertThat(items.getLast()).isEqualTo(new EndOfSections());
  }

  private static List<StreamItem> items(byte[] recovery, StreamReader before) throws IOException {
    List<StreamItem> items = new ArrayList<>();
    try (StreamInput in = new StreamInput(ArrayChannel.of(recovery), "recovery");
        StreamOutput nowhere = new StreamOutput(ArrayChannel.of(new byte[0]))) {
      StreamReader reader = StreamReader.ofRecovery(in, before.sections());
      RecordCopier ram = new RecordCopier(nowhere);
      for (Optional<StreamItem> next = reader.next(); next.isPresent(); next = reader.next()) {
        items.add(next.get());
        if (next.get() instanceof SectionHeader) {
          reader.body(ram);
        }
      }
    }
    return items;
  }

  @ParameterizedTest
  @EnumSource
  void saysWhatHasArrivedBeforeItGoesOn(QemuVersion version, Captures captures) throws Exception {
    byte[] answers = captures.of(new Kind(Mode.RECOVERY, version)).connection("recovery").answers();
    ArrayChannel to = ArrayChannel.of(new byte[0]);
    List<ReturnPathMessage> messages = new ArrayList<>();
    try (StreamInput in = new StreamInput(ArrayChannel.of(answers), "recovery");
        StreamOutput out = new StreamOutput(to)) {
      ReturnPathReader reader = new ReturnPathReader(in, 1 << 20);
      for (Optional<ReturnPathMessage> next = reader.next();
          next.isPresent();
          next = reader.next()) {
        messages.add(next.get());
        next.get().write(out);
      }
      out.flush();
    }

    assertThat(to.written()).isEqualTo(answers);
    assertThat(messages.getFirst()).isInstanceOf(ReturnPathMessage.RecvBitmap.class);
    assertThat(messages).contains(new ReturnPathMessage.ResumeAck());
    assertThat(messages.getLast()).isEqualTo(new ReturnPathMessage.Shut(0));
  }

  @ParameterizedTest
  @MethodSource("further")
  void isRefusedByWhoeverKeepsAGuest(Kind kind, Captures captures) throws Exception {
    Capture capture = captures.of(kind);
    String reason =
        switch (kind.mode()) {
          case DIRTY_BITMAPS ->
              "The source has dirty-bitmaps on, and an image keeps none; turn it off";
          case BLOCK -> "moves something besides memory, which no image keeps";
          default ->
              "The source has postcopy-ram on, and an image cannot ask it for pages; turn it off";
        };

    expectRefused(capture.main().bytes(), reason);
    if (kind.mode() == Mode.RECOVERY) {
      expectRefused(
          capture.connection("recovery").bytes(),
          "This goes on with a postcopy migration that was interrupted");
    }
  }

  private static void expectRefused(byte[] stream, String reason) {
    StreamException e =
        catchThrowableOfType(
            StreamException.class, () -> Decoders.image(stream, stream.length, image -> {}));
    assertThat(e).as("taken for a guest").isNotNull();
    assertThat(e.kind()).as("%s", e).isEqualTo(StreamException.Kind.UNSUPPORTED);
    assertThat(e.sentence()).contains(reason);
    assertThat(ByteBuffer.wrap(stream).get((int) e.offset()))
        .as("what is refused begins as a section or a command does")
        .isIn((byte) 1, (byte) 8);
  }
}
