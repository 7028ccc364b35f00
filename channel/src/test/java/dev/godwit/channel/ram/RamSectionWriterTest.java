package dev.godwit.channel.ram;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Access;
import dev.godwit.transport.Placement;
import dev.godwit.transport.testkit.ArrayChannel;
import dev.godwit.transport.testkit.Io;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

final class RamSectionWriterTest {
  private static final int PAGE = 4096;

  @AutoClose private final Arena arena = Arena.ofShared();

  private final RamBlocks blocks =
      new RamBlocks(
          List.of(
              new RamBlock("b", arena.allocate(3 * PAGE), PAGE),
              new RamBlock("c", arena.allocate(PAGE), PAGE)));

  private final MemorySegment b = blocks.all().getFirst().memory();
  private final ArrayChannel channel = ArrayChannel.of(new byte[0]);

  /** What is done with a writer. */
  private interface Use {
    void of(RamSectionWriter writer) throws Exception;
  }

  private String written(List<PageEncoding> encodings, Use use) throws Exception {
    try (StreamOutput out = new StreamOutput(channel);
        RamSectionWriter writer =
            RamSectionWriter.inline(out, channel, blocks, PageUnits.target(PAGE), encodings)) {
      use.of(writer);
      out.flush();
    }
    return HexFormat.of().withUpperCase().formatHex(channel.written());
  }

  private static String hex(String text) {
    return text.replace(" ", "");
  }

  @Test
  void writesTheRecordsOfAStream() throws Exception {
    b.asSlice(PAGE, PAGE).fill((byte) 0xA5);
    String written =
        written(
            PageEncodings.usual(),
            writer -> {
              writer.table(RamTable.of(blocks));
              writer.flushMark();
              writer.endSection();
              writer.page(0, 0);
              writer.page(0, PAGE);
              writer.endSection();
              writer.page(0, 2 * PAGE);
              writer.page(1, 0);
              assertThat(writer.pages()).hasToString("{zero=3, plain=1}");
            });
    assertThat(written)
        .isEqualTo(
            hex(
                "0000000000004004 01 62 0000000000003000 01 63 0000000000001000"
                    + "0000000000000200 0000000000000010"
                    + "0000000000000002 01 62 00"
                    + "0000000000001028"
                    + "A5".repeat(PAGE)
                    + "0000000000000010"
                    // The name holds on into the next section.
                    + "0000000000002022 00"
                    + "0000000000000002 01 63 00"));
  }

  @Test
  void sendsWhatChangedFromTheThirdPassOn() throws Exception {
    b.set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
    List<PageEncoding> encodings =
        List.of(new ZeroEncoding(), new XbzrleEncoding(), new PlainEncoding());
    String written =
        written(
            encodings,
            writer -> {
              for (int pass = 0; pass < 5; pass++) {
                writer.page(0, 0);
                writer.endPass();
                if (pass != 2) {
                  b.set(ValueLayout.JAVA_BYTE, 153, (byte) pass);
                }
              }
            });
    String plain = "01" + "00".repeat(PAGE - 1);
    assertThat(written)
        .isEqualTo(
            hex(
                "0000000000000008 01 62"
                    + plain
                    + "0000000000000028"
                    + plain
                    + "0000000000000060 01 0004 99010101"
                    // Nothing changed before the fourth, so it is not there.
                    + "0000000000000060 01 0004 99010103"));
  }

  @Test
  void forgetsThePageThatBecameZero() throws Exception {
    List<PageEncoding> encodings = PageEncodings.all();
    byte[] page = Io.bytes(new Random(1), PAGE);
    written(
        encodings,
        writer -> {
          writer.endPass();
          Io.fill(b, 0, page);
          writer.page(0, 0);
          writer.endSection();
          b.asSlice(0, PAGE).fill((byte) 0);
          writer.page(0, 0);
          writer.endSection();
          Io.fill(b, 0, page);
          writer.page(0, 0);
          // What the cache had would make this page one in which nothing changed.
          assertThat(writer.pages()).hasToString("{zero=1, xbzrle=0, compress=0, plain=2}");
        });
  }

  /** Takes no page, and changes each as a running guest may at that moment. */
  private static final class Meddler implements PageEncoding {
    @Override
    public String name() {
      return "meddler";
    }

    @Override
    public int flag() {
      return RamWord.COMPRESS_PAGE;
    }

    @Override
    public Map<Surroundings, String> exclusions() {
      return Map.of();
    }

    @Override
    public void skip(StreamInput in, int pageBytes, RamDialect dialect) {}

    @Override
    public Decoder decoder(int pageBytes, RamDialect dialect) {
      return (in, page) -> {};
    }

    @Override
    public Encoder encoder(int pageBytes) {
      return (page, out) -> {
        page.memory().set(ValueLayout.JAVA_BYTE, page.offset() + 100, (byte) 0x77);
        return false;
      };
    }
  }

  @Test
  void sendsThePageThatItComparesNextTime() throws Exception {
    b.set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
    String written =
        written(
            List.of(new XbzrleEncoding(), new Meddler(), new PlainEncoding()),
            writer -> {
              writer.endPass();
              writer.page(0, 0);
              writer.page(0, 0);
            });
    assertThat(written)
        .isEqualTo(
            hex(
                "0000000000000008 01 62 01"
                    + "00".repeat(PAGE - 1)
                    + "0000000000000060 01 0003 640177"));
  }

  @Test
  void sendsNoPageTwiceWhereThatCouldBeAppliedInAnyOrder() throws Exception {
    written(
        PageEncodings.all(),
        writer -> {
          writer.page(0, PAGE);
          assertThatThrownBy(() -> writer.page(0, PAGE))
              .isInstanceOf(IllegalStateException.class)
              .hasMessageContaining("Page 1 of RAM block b");
          writer.endSection();
          writer.page(0, PAGE);
        });
    written(
        PageEncodings.usual(),
        writer -> {
          writer.page(0, PAGE);
          writer.page(0, PAGE);
        });
  }

  @Test
  void sendsPagesOfTheGuestAlone() throws Exception {
    written(
        PageEncodings.usual(),
        writer -> {
          for (long offset : new long[] {-PAGE, 1, 3 * PAGE, Long.MAX_VALUE - PAGE + 1}) {
            assertThatThrownBy(() -> writer.page(0, offset))
                .isInstanceOf(IndexOutOfBoundsException.class);
          }
        });
    assertThat(channel.written()).isEmpty();
  }

  @Test
  void saysOnlyThatPagesLandWhereTheyDoSoSilently() throws Exception {
    Io.fill(b, 0, Io.bytes(new Random(1), 2 * PAGE));
    MemorySegment there = arena.allocate(3 * PAGE);
    SilentChannel silent = new SilentChannel(there);
    try (StreamOutput out = new StreamOutput(silent);
        RamRegions regions = new RamRegions(blocks, silent.info().peer(), Access.LOCAL);
        RamSectionWriter writer =
            RamSectionWriter.placing(
                out,
                silent,
                blocks,
                PageUnits.target(PAGE),
                PageEncodings.usual(),
                regions,
                Duration.ofSeconds(1))) {
      writer.endSection();
      assertThat(silent.barriers()).isEqualTo(1);
      writer.page(0, PAGE);
      writer.page(0, 0);
      writer.endSection();
    }
    String section = "0000000000000080 0000000000000010";
    assertThat(HexFormat.of().formatHex(silent.written())).isEqualTo(hex(section + section));
    assertThat(silent.barriers()).isEqualTo(2);
    assertThat(there.mismatch(b)).isEqualTo(-1);
  }

  @Test
  void takesRegionsWhereTheChannelPlaces() throws Exception {
    ArrayChannel placing = new ArrayChannel(new byte[0], 0, Integer.MAX_VALUE, Placement.RECORDED);
    try (StreamOutput out = new StreamOutput(placing)) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () ->
                  RamSectionWriter.inline(
                      out, placing, blocks, PageUnits.target(PAGE), PageEncodings.usual()));
    }
  }

  @Test
  void neverCompressesToMoreThanThePage() throws Exception {
    Io.fill(b, 0, Io.bytes(new Random(1), 2 * PAGE));
    byte[] even = new byte[PAGE];
    Arrays.fill(even, (byte) 7);
    Io.fill(b, 2 * PAGE, even);
    written(
        List.of(new CompressEncoding(), new PlainEncoding()),
        writer -> {
          writer.page(0, 0);
          writer.page(0, PAGE);
          writer.page(0, 2 * PAGE);
          assertThat(writer.pages()).hasToString("{compress=1, plain=2}");
        });
    assertThat(channel.written().length).isBetween(2 * PAGE, 2 * PAGE + 200);
  }

  @Test
  void sendsHugePagesWhole() throws Exception {
    RamBlocks huge =
        new RamBlocks(
            List.of(
                new RamBlock("b", arena.allocate(4 * PAGE), 2 * PAGE),
                new RamBlock("c", b.asSlice(0, PAGE), PAGE)));
    huge.all().getFirst().memory().set(ValueLayout.JAVA_BYTE, 4 * PAGE - 1, (byte) 0xA5);
    PageUnits whole = PageUnits.whole(PAGE);
    try (StreamOutput out = new StreamOutput(channel);
        RamSectionWriter writer =
            RamSectionWriter.inline(out, channel, huge, whole, PageEncodings.usual())) {
      writer.page(0, 0);
      writer.page(0, 2 * PAGE);
      writer.page(1, 0);
      assertThat(writer.zeroBytes()).isEqualTo(3 * PAGE);
      assertThat(writer.normalBytes()).isEqualTo(2 * PAGE);
      assertThatThrownBy(() -> writer.page(0, PAGE)).isInstanceOf(IndexOutOfBoundsException.class);
      out.flush();
    }
    assertThat(HexFormat.of().withUpperCase().formatHex(channel.written()))
        .isEqualTo(
            hex(
                "0000000000000002 01 62 00"
                    + "0000000000002028"
                    + "00".repeat(2 * PAGE - 1)
                    + "A5"
                    + "0000000000000002 01 63 00"));
  }

  @Test
  void compressesNoPageThatTravelsWhole() {
    try (StreamOutput out = new StreamOutput(channel)) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () ->
                  RamSectionWriter.inline(
                      out, channel, blocks, PageUnits.whole(PAGE), PageEncodings.all()))
          .withMessage("xbzrle with WHOLE_PAGES cannot be: A delta is of one page of the target");
    }
  }
}
