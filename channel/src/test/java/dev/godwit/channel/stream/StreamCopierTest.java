package dev.godwit.channel.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.stream.SectionHeader.Kind;
import dev.godwit.transport.testkit.Io;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What is read and written again is the same, byte for byte; the writer by the way. */
final class StreamCopierTest {
  private static final StreamException.Kind MALFORMED = StreamException.Kind.MALFORMED;
  private static final StreamException.Kind UNSUPPORTED = StreamException.Kind.UNSUPPORTED;

  /** A copy, and the description behind it. */
  private static final class Copy {
    private final byte[] bytes;
    private final Optional<VmDescription> description;

    Copy(byte[] bytes, Optional<VmDescription> description) {
      this.bytes = bytes;
      this.description = description;
    }
  }

  private static Copy copy(StreamInput in, int mostBytes) throws IOException {
    try (Wired wired = new Wired("buffer=" + (mostBytes + 1));
        StreamOutput out = new StreamOutput(wired.sending(), 512)) {
      Optional<VmDescription> description =
          new StreamCopier(StreamReader.of(in), StreamWriter.of(out), new RamWalker(out, false))
              .copy();
      wired.sending().shutdownOutput();
      return new Copy(Io.drain(wired.receiving()), description);
    }
  }

  private static void copies(String hex) throws IOException {
    byte[] bytes = Wired.hex(hex);
    for (int pieceBytes : new int[] {1, 100, bytes.length}) {
      Copy copy = Wired.reading(bytes, pieceBytes, in -> copy(in, bytes.length));
      assertThat(copy.bytes).isEqualTo(bytes);
    }
  }

  @Test
  void copiesAPrecopy() throws Exception {
    copies(Samples.PRECOPY);
  }

  @Test
  void copiesBitmapsDisksAndCommands() throws Exception {
    copies(Samples.RICH);
  }

  @Test
  void copiesAPostcopy() throws Exception {
    copies(Samples.POSTCOPY);
  }

  @Test
  void copiesADisk() throws Exception {
    String disk =
        "01 00000004 05'block' 00000000 00000001 0000000000000401 04'ide0'"
            + "C3".repeat(BlockChunk.DATA_BYTES)
            + "0000000000000002"
            + Samples.BLOCK_FOOTER;
    byte[] bytes = Wired.hex(Samples.HEADER + disk + Samples.EOF);
    Copy copy = Wired.reading(bytes, in -> copy(in, bytes.length));
    assertThat(Arrays.equals(copy.bytes, bytes)).isTrue();
    assertThat(copy.description).isEmpty();
  }

  /** Such as vfio: of several pieces, and nobody else knows what is in them. */
  @Test
  void copiesPiecesThatItDoesNotKnow() throws Exception {
    copies(
        Samples.HEADER
            + "01 00000005 04'vfio' 00000000 00000001 FFFFFFFFEF100002 7E00000005"
            + "02 00000005 7E00000005FF 7E00000005"
            + "03 00000005 7E00000005"
            + Samples.EOF);
  }

  @Test
  void handsOutTheDescription() throws Exception {
    byte[] bytes = Wired.hex(Samples.PRECOPY);
    Copy copy = Wired.reading(bytes, in -> copy(in, bytes.length));
    assertThat(copy.description.orElseThrow().parse().devices()).hasSize(2);
  }

  @Test
  void readsDirtyBitmaps() throws Exception {
    byte[] bytes = Wired.hex("4C 05'node0' 04'bits' 0000000000000080 00000100 0000000000000004");
    DirtyBitmapChunk chunk = Wired.reading(bytes, 1, DirtyBitmapChunk::read);
    assertThat(chunk).isEqualTo(new DirtyBitmapChunk(0x4C, "node0", "bits", 0, 0, 0x80, 0x100, 4));
    assertThat(chunk.isLast()).isFalse();
    assertThat(Wired.written(chunk::write)).isEqualTo(bytes);
    Hostile.truncate(bytes, DirtyBitmapChunk::read);
    refuseBitmap("80", UNSUPPORTED, 0, "A dirty bitmap has more flags than are known");
    refuseBitmap("00", MALFORMED, 0, "A dirty bitmap's flags cannot be 0x00");
    refuseBitmap("30", MALFORMED, 0, "A dirty bitmap's flags cannot be 0x30");
    refuseBitmap("12", MALFORMED, 0, "A dirty bitmap's flags cannot be 0x12");
    refuseBitmap("1800", MALFORMED, 1, "The name of a node is empty");
    refuseBitmap(
        "40 0000000000000080 00000100 0000000020000001",
        MALFORMED,
        13,
        "A dirty bitmap has a chunk of 536870913 bytes");
    refuseBitmap(
        "40 0000000000000080 00000100 FFFFFFFFFFFFFFFF",
        MALFORMED,
        13,
        "A dirty bitmap has a chunk of 18446744073709551615 bytes");
  }

  private static void refuseBitmap(
      String hex, StreamException.Kind kind, long offset, String sentence) {
    Hostile.refuse(hex, DirtyBitmapChunk::read, kind, offset, sentence);
  }

  @Test
  void readsBlocks() throws Exception {
    byte[] bytes = Wired.hex("0000000000000401 04'ide0'");
    BlockChunk chunk = Wired.reading(bytes, 1, BlockChunk::read);
    assertThat(chunk).isEqualTo(new BlockChunk(0x401, "ide0"));
    assertThat(chunk.sector()).isEqualTo(2);
    assertThat(chunk.dataBytes()).isEqualTo(BlockChunk.DATA_BYTES);
    assertThat(Wired.written(chunk::write)).isEqualTo(bytes);
    assertThat(new BlockChunk(0x409, "ide0").dataBytes()).isZero();
    assertThat(new BlockChunk(0x2, "").isLast()).isTrue();
    Hostile.truncate(bytes, BlockChunk::read);
    for (int flags : new int[] {0x000, 0x003, 0x008, 0x00C, 0x010, 0x1FF}) {
      Hostile.refuse(
          String.format("%016X 04'ide0'", flags),
          BlockChunk::read,
          MALFORMED,
          0,
          String.format("A disk's flags cannot be 0x%03X", flags));
    }
  }

  @Test
  void doesNotWriteWhatCannotBeRead() throws Exception {
    Section ram = new Section(1, "ram", 0, 4);
    try (Wired wired = new Wired("");
        StreamOutput out = new StreamOutput(wired.sending())) {
      StreamWriter writer = StreamWriter.of(out);
      assertThatThrownBy(() -> writer.write(new SectionHeader(Kind.PART, ram)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("Section 1 has a PART and never had a START");
      assertThatThrownBy(writer::endSection).isInstanceOf(IllegalStateException.class);
      assertThat(out.offset()).isZero();

      writer.write(new SectionHeader(Kind.START, ram));
      assertThatThrownBy(() -> writer.write(new EndOfSections()))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("The footer of section 1 (ram, instance 0) was not written");
      writer.endSection();
      assertThatThrownBy(() -> writer.write(new SectionHeader(Kind.START, ram)))
          .isInstanceOf(IllegalStateException.class);

      writer.write(new Command.Packaged(3));
      writer.write(new Command.PostcopyListen());
      assertThatThrownBy(() -> writer.write(new Command.PostcopyRun()))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("More was written into a package than it can hold");
    }
  }

  @Test
  void sendsCommandsAtOnce() throws Exception {
    try (Wired wired = new Wired("");
        StreamOutput out = new StreamOutput(wired.sending())) {
      StreamWriter writer = StreamWriter.of(out);
      writer.write(new FileHeader());
      assertThat(wired.sending().stats().bytesWritten()).isZero();
      writer.write(new Command.Ping(7));
      assertThat(wired.sending().stats().bytesWritten()).isEqualTo(out.offset());
    }
  }

  @Test
  void goesOnAfterARecovery() throws Exception {
    byte[] bytes = Wired.hex(Samples.RECOVERY);
    SectionTable known = new SectionTable();
    known.accept(new SectionHeader(Kind.START, new Section(1, "ram", 0, 4)));
    byte[] written =
        Wired.reading(
            bytes,
            in ->
                Wired.written(
                    out ->
                        new StreamCopier(
                                StreamReader.ofRecovery(in, known),
                                StreamWriter.ofRecovery(out, known),
                                new RamWalker(out, false))
                            .copy()));
    assertThat(written).isEqualTo(bytes);
  }

  @Test
  void saysWhereTheStreamIsCut() {
    byte[] stream = Wired.hex(Samples.RICH);
    Hostile.truncate(
        stream,
        in -> {
          // Behind the last section a stream may end as well.
          boolean whole = copy(in, stream.length).description.isPresent();
          return whole ? 0 : in.u8();
        });
  }

  /** A damaged stream is refused, or is one after all: then it is copied as exactly. */
  @Test
  void copiesOrRefusesMutations() {
    List<byte[]> samples =
        List.of(Wired.hex(Samples.RICH), Wired.hex(Samples.POSTCOPY), Wired.hex(Samples.PRECOPY));
    Hostile.mutate(
        "StreamCopierTest",
        samples,
        (mutant, in) -> {
          byte[] copy = copy(in, 3 * mutant.length + 64).bytes;
          assertThat(copy).isEqualTo(Arrays.copyOf(mutant, (int) in.offset()));
        });
  }
}
