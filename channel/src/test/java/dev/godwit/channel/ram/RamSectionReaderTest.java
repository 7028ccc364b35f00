package dev.godwit.channel.ram;

import static dev.godwit.channel.ram.RamDialect.ANY;
import static dev.godwit.channel.ram.RamDialect.QEMU_10_0;
import static dev.godwit.channel.ram.RamDialect.QEMU_7_2;
import static dev.godwit.channel.stream.StreamException.Kind.MALFORMED;
import static dev.godwit.channel.stream.StreamException.Kind.MISMATCHED;
import static dev.godwit.channel.stream.StreamException.Kind.TRUNCATED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.Placement;
import dev.godwit.transport.testkit.ArrayChannel;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.zip.Deflater;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class RamSectionReaderTest {
  private static final int PAGE = 4096;

  /** Blocks b and c of two pages each. */
  private static final String TABLE =
      "0000000000004004 01 62 0000000000002000 01 63 0000000000002000";

  private static final String EOS = "0000000000000010";
  private static final int TABLE_BYTES = 8 + 10 + 10;

  @AutoClose private final Arena arena = Arena.ofShared();
  private final List<String> seen = new ArrayList<>();

  private final RamBlocks blocks =
      new RamBlocks(
          List.of(
              new RamBlock("b", arena.allocate(2 * PAGE), PAGE),
              new RamBlock("c", arena.allocate(2 * PAGE), PAGE)));

  private MemorySegment page(int block, int number) {
    return blocks.all().get(block).memory().asSlice((long) number * PAGE, PAGE);
  }

  private static byte[] bytes(Object... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (Object part : parts) {
      all.writeBytes(
          part instanceof byte[] raw
              ? raw
              : HexFormat.of().parseHex(part.toString().replace(" ", "")));
    }
    return all.toByteArray();
  }

  private static byte[] filled(int value) {
    byte[] page = new byte[PAGE];
    Arrays.fill(page, (byte) value);
    return page;
  }

  private static byte[] zlib(byte[] plain) {
    try (Deflater deflater = new Deflater(9)) {
      deflater.setInput(plain);
      deflater.finish();
      byte[] out = new byte[PAGE * 2];
      return Arrays.copyOf(out, deflater.deflate(out));
    }
  }

  /** Reads sections to the end of the bytes. */
  private void read(byte[] stream, RamDialect dialect) throws IOException {
    read(ArrayChannel.of(stream), dialect);
  }

  private void read(ArrayChannel channel, RamDialect dialect) throws IOException {
    try (StreamInput in = new StreamInput(channel, "main", 8192);
        RamSectionReader reader =
            new RamSectionReader(
                in,
                channel,
                dialect,
                RamTable.Layout.plain(PAGE),
                RamDestination.of(blocks),
                marks())) {
      while (in.hasMore()) {
        reader.readSection();
      }
      seen.add(reader.pages().toString());
    }
  }

  private RamSectionReader.Marks marks() {
    return new RamSectionReader.Marks() {
      @Override
      public void flush(long offset) {
        seen.add("flush " + offset);
      }

      @Override
      public void end(long offset) {
        seen.add("end " + offset);
      }
    };
  }

  private StreamException refused(RamDialect dialect, Object... parts) {
    return catchThrowableOfType(StreamException.class, () -> read(bytes(parts), dialect));
  }

  @Test
  void appliesEachRecordInOrder() throws Exception {
    byte[] compressed = zlib(filled(9));
    read(
        bytes(
            TABLE + EOS,
            "0000000000000008 01 62",
            filled(1),
            "0000000000001028",
            filled(2),
            "0000000000000002 01 63 00" + EOS,
            // A name holds on into the next section.
            "0000000000001022 07",
            "0000000000001060 01 0003 0201FF",
            EOS,
            "0000000000000100 01 62",
            String.format("%08x", compressed.length),
            compressed,
            EOS),
        QEMU_7_2);
    assertThat(seen.getLast()).isEqualTo("{zero=2, xbzrle=1, compress=1, plain=2}");
    assertThat(page(0, 0).mismatch(MemorySegment.ofArray(filled(9)))).isEqualTo(-1);
    assertThat(page(0, 1).mismatch(MemorySegment.ofArray(filled(2)))).isEqualTo(-1);
    assertThat(page(1, 0).mismatch(MemorySegment.ofArray(filled(0)))).isEqualTo(-1);
    byte[] patched = filled(7);
    patched[2] = (byte) 0xFF;
    assertThat(page(1, 1).mismatch(MemorySegment.ofArray(patched))).isEqualTo(-1);
  }

  @Test
  void reportsTheMarksInTheirPlace() throws Exception {
    read(bytes(TABLE, "0000000000000200", EOS, EOS), QEMU_10_0);
    assertThat(seen).startsWith("flush 28", "end 36", "end 44");
  }

  @Test
  void clearsAPageThatWasNotZero() throws Exception {
    page(1, 1).fill((byte) 3);
    read(bytes(TABLE, "0000000000001002 01 63 00", EOS), QEMU_10_0);
    assertThat(page(1, 1).mismatch(MemorySegment.ofArray(filled(0)))).isEqualTo(-1);
  }

  @ParameterizedTest
  @CsvSource({
    "FULL, ANY, 0000000000000001",
    "no flag, ANY, 0000000000001000",
    "two encodings, ANY, 000000000000000A 01 62 00",
    "a flag nobody knows, ANY, 0000000000000400",
    "compressed in 10.0, QEMU_10_0, 0000000000000100 01 62 00000001 00",
    "flush in 7.2, QEMU_7_2, 0000000000000200",
    "flush with an address, ANY, 0000000000001200",
    "end with an address, ANY, 0000000000001010",
    "end that continues, ANY, 0000000000000030",
    "a hook where nothing is placed, ANY, 0000000000000080",
    "a second table, ANY, 0000000000001004 01 62 0000000000001000",
    "nothing to continue, ANY, 0000000000000022 00",
    "beyond the block, ANY, 0000000000002002 01 62 00",
    "at 2^63, ANY, 8000000000000002 01 62 00",
  })
  void refusesRecordsThatCannotBe(String what, RamDialect dialect, String hex) {
    StreamException e = refused(dialect, TABLE, hex, EOS);
    assertThat(e.kind()).as(what).isEqualTo(MALFORMED);
    assertThat(e.offset()).as(what).isEqualTo(TABLE_BYTES);
    assertThat(e.channel()).isEqualTo("main");
  }

  @ParameterizedTest
  @CsvSource({
    "fill, QEMU_10_0, 0000000000000002 01 62, 07, 0",
    "no name, ANY, 0000000000000002, 00 00, 0",
    "id, ANY, 0000000000000040 01 62, 02 0001 00, 0",
    "no delta, ANY, 0000000000000040 01 62, 01 0000, 1",
    "more delta than a page, ANY, 0000000000000040 01 62, 01 1001, 1",
    "run beyond the page, ANY, 0000000000000040 01 62, 01 0005 FF1F020101, 5",
    "nothing compressed, ANY, 0000000000000100 01 62, 00000000, 0",
    "too long, ANY, 0000000000000100 01 62, 0000100F, 0",
    "2^32 - 1 compressed, ANY, 0000000000000100 01 62, FFFFFFFF, 0",
    "no zlib stream, ANY, 0000000000000100 01 62, 00000004 01020304, 4",
  })
  void refusesWhatAPageCannotHold(
      String what, RamDialect dialect, String head, String body, int where) {
    int before = TABLE_BYTES + head.replace(" ", "").length() / 2;
    StreamException e = refused(dialect, TABLE, head, body, EOS);
    assertThat(e.kind()).as(what).isEqualTo(MALFORMED);
    assertThat(e.offset()).as(what).isEqualTo(before + where);
  }

  @Test
  void inflatesToExactlyOnePage() {
    for (int length : new int[] {0, 1, PAGE - 1, PAGE + 1, 3 * PAGE}) {
      byte[] zlib = zlib(new byte[length]);
      StreamException e =
          refused(
              QEMU_7_2,
              TABLE,
              "0000000000000100 01 62",
              String.format("%08x", zlib.length),
              zlib,
              EOS);
      assertThat(e.kind()).isEqualTo(MALFORMED);
    }
    byte[] more = bytes(zlib(new byte[PAGE]), "00");
    byte[] less = Arrays.copyOf(more, more.length - 2);
    for (byte[] wrong : List.of(more, less)) {
      String length = String.format("%08x", wrong.length);
      assertThat(refused(QEMU_7_2, TABLE, "0000000000000100 01 62", length, wrong, EOS).kind())
          .isEqualTo(MALFORMED);
    }
  }

  @Test
  void knowsOnlyTheBlocksOfTheTable() {
    StreamException e = refused(ANY, TABLE, "0000000000000002 02 6264 00", EOS);
    assertThat(e.kind()).isEqualTo(MISMATCHED);
    assertThat(e).hasMessageContaining("bd, which is not in the table");
    assertThat(e.offset()).isEqualTo(TABLE_BYTES + 8);

    assertThat(refused(ANY, "0000000000000002 01 62 00").kind()).isEqualTo(MALFORMED);
    assertThat(refused(ANY, TABLE.replace("01 63", "01 64")).kind()).isEqualTo(MISMATCHED);
  }

  @Test
  void waitsAtAHookForWhatLandsSilently() throws Exception {
    byte[] hooked = bytes(TABLE, "0000000000000080", EOS, "0000000000000080", EOS);
    ArrayChannel channel =
        new ArrayChannel(hooked, hooked.length, Integer.MAX_VALUE, Placement.SILENT);
    read(channel, ANY);
    assertThat(channel.barriers()).isEqualTo(2);
    assertThat(seen).hasSize(3);
  }

  /** A stream with every record. */
  private byte[] everything(Random random) {
    byte[] zlib = zlib(Arrays.copyOf(Io.bytes(random, 500), PAGE));
    return bytes(
        TABLE + EOS,
        "0000000000000008 01 62",
        filled(1),
        "0000000000001022 00",
        "0000000000000040 01 62 01 0007 0301AA0502BBCC",
        EOS,
        "0000000000000100 01 63" + String.format("%08x", zlib.length),
        zlib,
        "0000000000001028",
        filled(5),
        EOS);
  }

  @Test
  void endsCleanlyWhereverTheStreamDoes() throws Exception {
    byte[] stream = everything(new Random(1));
    Random random = Seed.of("RamSectionReaderTest.endsCleanlyWhereverTheStreamDoes").random();
    seen.clear();
    for (int length = 1; length < stream.length; length++) {
      byte[] part = Arrays.copyOf(stream, length);
      seen.clear();
      try {
        read(new ArrayChannel(stream, length, 1 + random.nextInt(5000), Placement.INLINE), ANY);
        // Only the ends of sections are ends.
        assertThat(HexFormat.of().formatHex(part)).endsWith(EOS);
      } catch (StreamException e) {
        assertThat(e.kind()).isEqualTo(TRUNCATED);
        assertThat(e.offset()).isLessThanOrEqualTo(length);
      }
    }
  }

  @Test
  void takesNoDamage() {
    Seed seed = Seed.of("RamSectionReaderTest.takesNoDamage");
    Random random = seed.random();
    int refused = 0;
    for (int round = 0; round < 10_000; round++) {
      byte[] stream = everything(random);
      for (int damage = 1 + random.nextInt(4); damage > 0; damage--) {
        int at = random.nextInt(8) == 0 ? random.nextInt(stream.length) : spot(random, stream);
        stream[at] =
            random.nextBoolean() ? (byte) random.nextInt() : (byte) (stream[at] ^ 1 << damage);
      }
      try {
        read(stream, random.nextBoolean() ? ANY : QEMU_7_2);
      } catch (StreamException e) {
        refused++;
        assertThat(e.offset()).isBetween(0L, (long) stream.length);
      } catch (IOException | RuntimeException e) {
        throw new AssertionError("Round " + round + " of seed " + seed, e);
      }
    }
    assertThat(refused).isGreaterThan(3000);
  }

  /** Somewhere outside of the plain pages. */
  private static int spot(Random random, byte[] stream) {
    int first = TABLE_BYTES + 8 + 10;
    int at = random.nextInt(stream.length - 2 * PAGE);
    return at < first ? at : Math.min(at + PAGE, stream.length - PAGE - 9);
  }

  /** A block b of two pages of 8 KiB. */
  private void readWhole(Object... parts) throws IOException {
    byte[] table = bytes("0000000000004004 01 62 0000000000004000 0000000000002000");
    ArrayChannel channel = ArrayChannel.of(bytes(table, bytes(parts)));
    RamBlock block = new RamBlock("b", whole, 2 * PAGE);
    try (StreamInput in = new StreamInput(channel, "main", 8192);
        RamSectionReader reader =
            new RamSectionReader(
                in,
                channel,
                ANY,
                RamTable.Layout.whole(PAGE),
                RamDestination.of(new RamBlocks(List.of(block))),
                marks())) {
      while (in.hasMore()) {
        reader.readSection();
      }
    }
  }

  private final MemorySegment whole = arena.allocate(4 * PAGE);

  @Test
  void appliesRecordsToHugePages() throws Exception {
    whole.fill((byte) 7);
    readWhole("0000000000000002 01 62 00 0000000000002028", filled(1), filled(2), EOS);
    byte[] expected = bytes(filled(0), filled(0), filled(1), filled(2));
    assertThat(whole.mismatch(MemorySegment.ofArray(expected))).isEqualTo(-1);
  }

  @ParameterizedTest
  @CsvSource({
    "in the middle of a page, 0000000000001002",
    "behind the last one, 0000000000004002",
    "a delta, 0000000000000040",
    "compressed, 0000000000000100",
  })
  void refusesWhatNoHugePageIs(String what, String word) {
    StreamException e =
        catchThrowableOfType(
            StreamException.class, () -> readWhole(word + "01 62 00 00 00 00 00", EOS));
    assertThat(e).as(what).isNotNull();
    assertThat(e.kind()).as("%s: %s", what, e).isEqualTo(MALFORMED);
    assertThat(e.offset()).as("%s: %s", what, e).isEqualTo(8 + 18);
  }
}
