package dev.godwit.channel.ram;

import static dev.godwit.channel.stream.StreamException.Kind.MALFORMED;
import static dev.godwit.channel.stream.StreamException.Kind.MISMATCHED;
import static dev.godwit.channel.stream.StreamException.Kind.TRUNCATED;
import static dev.godwit.channel.stream.StreamException.Kind.UNSUPPORTED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.testkit.ArrayChannel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class RamTableTest {
  private static final int PAGE = 4096;
  private static final RamTable.Layout PLAIN = RamTable.Layout.plain(PAGE);

  /** pc.ram of 4 MiB and pc.bios of 8 KiB. */
  private static final String GOLDEN =
      "0000000000402004"
          + " 06 70632E72616D 0000000000400000"
          + " 07 70632E62696F73 0000000000002000";

  private static final RamTable TABLE =
      new RamTable(
          List.of(new RamTable.Entry("pc.ram", 0x400000), new RamTable.Entry("pc.bios", 0x2000)));

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replace(" ", ""));
  }

  private static RamTable read(byte[] bytes, RamTable.Layout layout) throws IOException {
    try (StreamInput in = new StreamInput(ArrayChannel.of(bytes), "main")) {
      return RamTable.read(in, RamWord.address(in.u64(), PAGE), layout, entry -> {});
    }
  }

  private static byte[] written(RamTable table) throws IOException {
    ArrayChannel channel = ArrayChannel.of(new byte[0]);
    try (StreamOutput out = new StreamOutput(channel)) {
      table.write(out);
      out.flush();
    }
    return channel.written();
  }

  private static StreamException refused(String hex, RamTable.Layout layout) {
    return catchThrowableOfType(StreamException.class, () -> read(bytes(hex), layout));
  }

  @Test
  void isNamesAndLengths() throws Exception {
    assertThat(read(bytes(GOLDEN), PLAIN)).isEqualTo(TABLE);
    assertThat(written(TABLE)).isEqualTo(bytes(GOLDEN));
    assertThat(TABLE.totalBytes()).isEqualTo(0x402000);
  }

  @Test
  void carriesWhatBothSidesAreSetUpFor() throws Exception {
    RamTable table =
        new RamTable(
            List.of(
                new RamTable.Entry(
                    "m0",
                    0x400000,
                    OptionalLong.of(0x200000),
                    OptionalLong.of(0x1_0000_0000L),
                    Optional.of(new MappedRamHeader(PAGE, 0x8E, 0x100000)))));
    byte[] golden =
        bytes(
            "0000000000400004 02 6D30 0000000000400000"
                + " 0000000000200000 0000000100000000"
                + " 00000001 0000000000001000 000000000000008E 0000000000100000");
    assertThat(written(table)).isEqualTo(golden);
    assertThat(read(golden, new RamTable.Layout(PAGE, "m0"::equals, true, true, false)))
        .isEqualTo(table);
    assertThat(new MappedRamHeader(PAGE, 0, 0).bitmapBytes(65 * PAGE)).isEqualTo(16);
  }

  @Test
  void showsEachEntryBeforeItReadsTheNext() throws Exception {
    List<String> seen = new ArrayList<>();
    byte[] golden = bytes(GOLDEN.replace(" 07", "FFFF 07"));
    try (StreamInput in = new StreamInput(ArrayChannel.of(golden), "main")) {
      RamTable.AfterEntry after =
          entry -> {
            seen.add(entry.name());
            if (seen.size() == 1) {
              in.skip(2);
            }
          };
      assertThat(RamTable.read(in, in.u64() - RamWord.MEM_SIZE, PLAIN, after)).isEqualTo(TABLE);
    }
    assertThat(seen).containsExactly("pc.ram", "pc.bios");
  }

  @ParameterizedTest
  @CsvSource({
    "overshoot, 0000000000001004 01 61 0000000000002000, 10",
    "no bytes, 0000000000001004 01 61 0000000000000000, 10",
    "half a page, 0000000000001004 01 61 0000000000000800, 10",
    "2^63 bytes, 0000000000001004 01 61 8000000000000000, 10",
    "twice, 0000000000002004 01 61 0000000000001000 01 61 0000000000001000, 18",
    "no name, 0000000000001004 00 0000000000001000, 8",
    "nothing, 0000000000000004, 0",
    "2^63 in all, 8000000000000004, 0",
  })
  void refusesWhatCannotBe(String what, String hex, long offset) {
    StreamException e = refused(hex, PLAIN);
    assertThat(e.kind()).as(what).isEqualTo(MALFORMED);
    assertThat(e.offset()).as(what).isEqualTo(offset);
  }

  @ParameterizedTest
  @CsvSource({
    "version 2, UNSUPPORTED, 00000002 0000000000001000 000000000000008E 0000000000100000, 18",
    "no pages, MALFORMED, 00000001 0000000000000000 000000000000008E 0000000000100000, 22",
    "bitmap below 0, MALFORMED, 00000001 0000000000001000 FFFFFFFFFFFFFFFF 0000000000100000, 30",
    "pages in bitmap, MALFORMED, 00000001 0000000000001000 0000000000001000 0000000000001000, 38",
    "unaligned, MALFORMED, 00000001 0000000000001000 000000000000008E 0000000000100010, 38",
    "overflow, MALFORMED, 00000001 0000000000001000 000000000000008E 7FFFFFFFFFFFF000, 38",
  })
  void refusesAFileThatCannotBe(String what, StreamException.Kind kind, String hex, long offset) {
    RamTable.Layout layout = new RamTable.Layout(PAGE, name -> false, false, true, false);
    StreamException e = refused("0000000000001004 01 61 0000000000001000" + hex, layout);
    assertThat(e.kind()).as(what).isEqualTo(kind);
    assertThat(e.offset()).as(what).isEqualTo(offset);
  }

  @Test
  void refusesPagesThatNoBlockHas() {
    RamTable.Layout layout = new RamTable.Layout(PAGE, name -> true, false, false, false);
    for (String size : List.of("0000000000000000", "0000000000001800", "0000000000200000")) {
      StreamException e = refused("0000000000001004 01 61 0000000000001000" + size, layout);
      assertThat(e.kind()).isEqualTo(MALFORMED);
      assertThat(e.offset()).isEqualTo(18);
    }
  }

  @Test
  void tellsThePageSizeOfEachBlockThatTravelsInItsOwn() throws Exception {
    try (Arena arena = Arena.ofShared()) {
      RamBlocks blocks =
          new RamBlocks(
              List.of(
                  new RamBlock("a", AnonymousMemory.allocate(1 << 30, arena), 1 << 30),
                  new RamBlock("b", arena.allocate(PAGE), PAGE)));
      byte[] golden =
          bytes(
              "0000000040001004 01 61 0000000040000000 0000000040000000"
                  + " 01 62 0000000000001000 0000000000001000");
      RamTable table = RamTable.whole(blocks);
      assertThat(written(table)).isEqualTo(golden);
      RamTable.Layout whole = RamTable.Layout.whole(PAGE);
      assertThat(read(golden, whole)).isEqualTo(table);
      assertThat(whole.units().of(blocks)).containsExactly(1 << 30, PAGE);
      assertThat(PLAIN.units().of(blocks)).containsExactly(PAGE, PAGE);
      try (StreamInput in = new StreamInput(ArrayChannel.of(new byte[0]), "main")) {
        table.requireFits(blocks, in, 7);
        RamBlocks small =
            new RamBlocks(
                List.of(
                    new RamBlock("a", blocks.all().getFirst().memory(), 2 << 20),
                    blocks.all().getLast()));
        assertThatThrownBy(() -> table.requireFits(small, in, 7))
            .hasMessageContaining("a has pages of 1073741824 bytes at the source and 2097152 here");
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "smaller than the target's, 0000000000001000, 0000000000000800",
    "larger than 1 GiB, 0000000080000000, 0000000080000000",
    "larger than the block, 0000000000001000, 0000000000002000",
    "no power of two, 0000000000003000, 0000000000003000",
    "none, 0000000000001000, 0000000000000000",
    "2^63, 0000000000001000, 8000000000000000",
  })
  void refusesPagesInWhichNoBlockTravels(String what, String length, String size) {
    StreamException e =
        refused("0000000100000004 01 61" + length + size, RamTable.Layout.whole(PAGE));
    assertThat(e.kind()).as(what).isEqualTo(MALFORMED);
    assertThat(e.offset()).as(what).isEqualTo(18);
  }

  @Test
  void endsCleanlyWhereverTheStreamDoes() {
    byte[] golden = bytes(GOLDEN);
    for (int length = 0; length < golden.length; length++) {
      byte[] part = Arrays.copyOf(golden, length);
      StreamException e = catchThrowableOfType(StreamException.class, () -> read(part, PLAIN));
      assertThat(e.kind()).isEqualTo(TRUNCATED);
      assertThat(e.offset()).isEqualTo(length);
    }
  }

  @Test
  void boundsHowManyBlocksThereAre() {
    StringBuilder hex = new StringBuilder("0000000010000004");
    for (int i = 0; i < 5000; i++) {
      hex.append("02").append(String.format("%04x", 0x4000 + i)).append("0000000000001000");
    }
    assertThat(refused(hex.toString(), PLAIN).kind()).isEqualTo(UNSUPPORTED);
  }

  @Test
  void isHeldAgainstTheMemoryHere() throws Exception {
    try (Arena arena = Arena.ofConfined();
        StreamInput in = new StreamInput(ArrayChannel.of(new byte[0]), "main")) {
      RamBlock ram = new RamBlock("pc.ram", arena.allocate(0x400000), PAGE);
      RamBlock bios = new RamBlock("pc.bios", arena.allocate(0x2000), PAGE);
      RamBlock small = new RamBlock("pc.bios", arena.allocate(0x1000), PAGE);
      RamBlock more = new RamBlock("vga.vram", arena.allocate(0x1000), PAGE);
      TABLE.requireFits(new RamBlocks(List.of(bios, ram)), in, 7);
      assertThat(RamTable.of(new RamBlocks(List.of(ram, bios)))).isEqualTo(TABLE);

      assertMisfit(in, List.of(ram, small), "pc.bios has 8192 bytes at the source and 4096 here");
      assertMisfit(in, List.of(ram), "The source has a RAM block pc.bios, which is not here");
      assertMisfit(in, List.of(ram, bios, more), "The source lacks RAM block vga.vram");

      RamTable.Entry huge =
          new RamTable.Entry(
              "pc.ram",
              0x400000,
              OptionalLong.of(0x200000),
              OptionalLong.empty(),
              Optional.empty());
      assertThatThrownBy(
              () -> new RamTable(List.of(huge)).requireFits(new RamBlocks(List.of(ram)), in, 7))
          .hasMessageContaining("pages of 2097152 bytes at the source and 4096 here");
    }
  }

  private static void assertMisfit(StreamInput in, List<RamBlock> here, String message) {
    StreamException e =
        catchThrowableOfType(
            StreamException.class, () -> TABLE.requireFits(new RamBlocks(here), in, 7));
    assertThat(e.kind()).isEqualTo(MISMATCHED);
    assertThat(e.offset()).isEqualTo(7);
    assertThat(e).hasMessageContaining(message);
  }

  @Test
  void isNotMadeOfNothingOrTwins() {
    assertThatIllegalArgumentException().isThrownBy(() -> new RamTable(List.of()));
    RamTable.Entry twin = new RamTable.Entry("a", PAGE);
    assertThatIllegalArgumentException().isThrownBy(() -> new RamTable(List.of(twin, twin)));
  }
}
