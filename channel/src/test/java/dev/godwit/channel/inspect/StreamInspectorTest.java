package dev.godwit.channel.inspect;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import dev.godwit.channel.image.MemoryFile;
import dev.godwit.channel.stream.Hostile;
import dev.godwit.channel.stream.SectionHeader.Kind;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.Wired;
import dev.godwit.transport.PositionedChannel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class StreamInspectorTest {
  private static final String CAPABILITIES = "05 1A'configuration/capabilities' 00000001 00000001";

  /**
   * Block b of two pages, of which the second is in the file; the bitmap stands where the header
   * ends, the pages at 0x1000.
   */
  private static final byte[] MAPPED_RAM = mappedRam();

  private static byte[] mappedRam() {
    String head =
        Streams.HEAD
            + CAPABILITIES
            + "0A'mapped-ram'"
            + Streams.RAM_HEADER
            + "0000000000002004 01'b' 0000000000002000 00000001 0000000000001000";
    int bitmapAt = Wired.hex(head).length + 16;
    byte[] before =
        Wired.hex(head + String.format("%016X", bitmapAt) + "0000000000001000 0200000000000000");
    byte[] after =
        Wired.hex(
            Streams.EOS
                + Streams.RAM_FOOTER
                + Streams.RAM_END
                + Streams.TIMER
                + "00"
                + Streams.DESCRIPTION);
    byte[] all = Arrays.copyOf(before, 0x3000 + after.length);
    Arrays.fill(all, 0x2000, 0x3000, (byte) 0xA5);
    System.arraycopy(after, 0, all, 0x3000, after.length);
    return all;
  }

  private static StreamReport inspectFile(byte[] content, long position) throws IOException {
    try (PositionedChannel file = MemoryFile.of(content).open(position);
        StreamInput in = new StreamInput(file, "main", 512)) {
      return StreamInspector.ofRecording(file, in).inspect();
    }
  }

  private static long sum(StreamReport report) {
    return report.shares().stream().mapToLong(Share::bytes).sum();
  }

  private static long share(StreamReport report, String part) {
    return report.shares().stream()
        .filter(share -> share.part().equals(part))
        .mapToLong(Share::bytes)
        .sum();
  }

  @Test
  void tellsOfAPrecopy() throws Exception {
    StreamReport report = Streams.inspect(Streams.PRECOPY);

    assertThat(report.damage()).isEmpty();
    assertThat(report.bytes()).isEqualTo(Wired.hex(Streams.PRECOPY).length).isEqualTo(sum(report));
    assertThat(report.configuration().orElseThrow().machine()).isEqualTo("m");
    assertThat(report.sections())
        .extracting(SectionReport::kind, s -> s.section().name(), SectionReport::offset)
        .containsExactly(
            tuple(Kind.START, "ram", 14L),
            tuple(Kind.PART, "ram", 72L),
            tuple(Kind.PART, "ram", 4216L),
            tuple(Kind.END, "ram", 4250L),
            tuple(Kind.FULL, "timer", 4268L));
    assertThat(report.descriptionBytes()).hasValue(Wired.hex(Streams.DESCRIPTION).length - 5L);
    assertThat(report.shares())
        .contains(
            new Share("file-header", 8),
            new Share("configuration", 6),
            new Share("ram-table", 8 + 10 + 10),
            new Share("ram-marks", 4 * 8),
            new Share("pages-zero", 11 + 11),
            new Share("pages-xbzrle", 16),
            new Share("pages-plain", 8 + 4096),
            new Share("device-state", 9));
  }

  @Test
  void saysThatItKnowsNoPagesOfOtherSizes() throws Exception {
    StreamReport report =
        Streams.inspect(Streams.HEAD + CAPABILITIES + "14'x-godwit-whole-pages'" + "01");
    StreamException cause = (StreamException) report.damage().orElseThrow().cause();
    assertThat(cause.kind()).isEqualTo(StreamException.Kind.UNSUPPORTED);
    assertThat(cause.offset()).isEqualTo(8);
    assertThat(cause.sentence())
        .isEqualTo(
            "The source has x-godwit-whole-pages on, and an inspector knows no pages but the"
                + " target's");
  }

  @Test
  void countsPagesByBlockAndEncoding() throws Exception {
    RamReport ram = Streams.inspect(Streams.PRECOPY).ram().orElseThrow();

    assertThat(ram.pages())
        .containsExactly(
            new PageCount("zero", 2, 22),
            new PageCount("xbzrle", 1, 16),
            new PageCount("plain", 1, 4104));
    assertThat(ram.blocks())
        .extracting(block -> block.entry().name(), RamReport.Block::pages)
        .containsExactly(
            tuple(
                "b",
                List.of(
                    new PageCount("zero", 1, 11),
                    new PageCount("xbzrle", 1, 16),
                    new PageCount("plain", 1, 4104))),
            tuple("c", List.of(new PageCount("zero", 1, 11))));
    assertThat(ram.snapshot()).isFalse();
  }

  @Test
  void aRoundEndsWherePagesGoBack() throws Exception {
    RamReport ram = Streams.inspect(Streams.PRECOPY).ram().orElseThrow();

    assertThat(ram.rounds())
        .containsExactly(
            new RamReport.Round(77, 3, 11 + 4104 + 11), new RamReport.Round(4221, 1, 16));
  }

  @Test
  void compressedPagesAndSnapshotsHaveNoRounds() throws Exception {
    String compressed = "0000000000000100 01'b' 00000002 0000";
    RamReport withCompressed =
        Streams.inspect(
                Streams.HEAD
                    + Streams.RAM_START
                    + Streams.part(compressed)
                    + Streams.RAM_END
                    + "00")
            .ram()
            .orElseThrow();
    assertThat(withCompressed.rounds()).isEmpty();
    assertThat(withCompressed.pages()).containsExactly(new PageCount("compress", 1, 16));

    RamReport snapshot =
        Streams.inspect(
                Streams.HEAD
                    + Streams.RAM_START
                    + Streams.part(Streams.zero(0, "01'b'", false))
                    + "00")
            .ram()
            .orElseThrow();
    assertThat(snapshot.snapshot()).isTrue();
    assertThat(snapshot.rounds()).isEmpty();
  }

  @Test
  void decodesDevices() throws Exception {
    DeviceReport timer = Streams.inspect(Streams.PRECOPY).devices().getFirst();

    DecodedState state = timer.state().orElseThrow();
    assertThat(state.fields())
        .extracting(DecodedState.Field::name, f -> f.value().toString(), DecodedState.Field::offset)
        .contains(
            tuple("ticks", Long.toString(0x7E000000L), 0L),
            tuple("less", "-1", 4L),
            tuple("on", "true", 6L));
    assertThat(state.value("two").orElseThrow())
        .isEqualTo(new Value.Items(List.of(new Value.Whole(1, true), new Value.Whole(2, true))));
  }

  @Test
  void tellsOfPostcopy() throws Exception {
    StreamReport report = Streams.inspect(Streams.POSTCOPY);

    assertThat(report.damage()).isEmpty();
    assertThat(sum(report)).isEqualTo(report.bytes());
    assertThat(report.commands())
        .extracting(CommandReport::name, CommandReport::inPackage)
        .containsExactly(
            tuple("OPEN_RETURN_PATH", false),
            tuple("PING", false),
            tuple("POSTCOPY_ADVISE", false),
            tuple("POSTCOPY_RAM_DISCARD", false),
            tuple("PING", false),
            tuple("PACKAGED", false),
            tuple("POSTCOPY_LISTEN", true),
            tuple("PING", true),
            tuple("POSTCOPY_RUN", true),
            tuple("PING", false));
    PostcopyReport postcopy = report.postcopy().orElseThrow();
    assertThat(postcopy.discards()).containsExactly(new PostcopyReport.Discard("b", 1, 1, 0x2000));
    assertThat(postcopy.packageBytes()).isPresent();
    assertThat(postcopy.pagesAfter()).isEqualTo(2);
    assertThat(report.ram().orElseThrow().rounds()).hasSize(1);
    DeviceReport timer = report.devices().getFirst();
    assertThat(timer.inPackage()).isTrue();
    assertThat(timer.undecoded()).isEqualTo("The stream does not describe its devices");
  }

  @Test
  void knowsBlocksOfHugePagesByWhatWasAdvised() throws Exception {
    String table =
        Streams.RAM_HEADER
            + "0000000000401004"
            + "01'b' 0000000000200000 0000000000200000"
            + "01'c' 0000000000001000"
            + "01'd' 0000000000200000 0000000000200000"
            + Streams.EOS
            + Streams.RAM_FOOTER;
    StreamReport report =
        Streams.inspect(
            Streams.HEAD
                + "08 0003 0010 0000000000201000 0000000000001000"
                + table
                + Streams.RAM_END
                + "00"
                + Streams.NO_DEVICES);

    assertThat(report.damage()).isEmpty();
    assertThat(report.ram().orElseThrow().table().blocks())
        .extracting(entry -> entry.pageBytes().orElse(0))
        .containsExactly(0x200000L, 0L, 0x200000L);
  }

  @Test
  void readsGuestAddressesWhereSharedMemoryIsIgnored() throws Exception {
    StreamReport report =
        Streams.inspect(
            Streams.HEAD
                + CAPABILITIES
                + "0F'x-ignore-shared'"
                + Streams.RAM_HEADER
                + "0000000000001004 01'b' 0000000000001000 00000000FFFC0000"
                + Streams.EOS
                + Streams.RAM_FOOTER
                + Streams.RAM_END
                + "00"
                + Streams.NO_DEVICES);

    assertThat(report.damage()).isEmpty();
    assertThat(report.ram().orElseThrow().table().blocks().getFirst().guestAddress())
        .hasValue(0xFFFC0000L);
  }

  @Test
  void countsDisksAndBitmaps() throws Exception {
    String bitmap =
        "01 00000003 0C'dirty-bitmap' 00000000 00000001 1C 01'n' 01'x' 00010000 03 01 7E 00000003"
            + "02 00000003 4C 01'n' 01'x' 0000000000000080 00000100 0000000000000004 10DEADBE"
            + "42 0000000000000180 00000100 01 7E 00000003";
    String block =
        "01 00000004 05'block' 00000000 00000001 0000000000000209 03'ide' 0000000000006404"
            + "0000000000000002 7E 00000004";
    StreamReport report =
        Streams.inspect(Streams.HEAD + bitmap + block + "00" + Streams.NO_DEVICES);

    assertThat(report.damage()).isEmpty();
    assertThat(report.disks())
        .containsExactly(
            new DiskReport("dirty-bitmap", "n", "x", 2, 1, 4),
            new DiskReport("block", "ide", "", 1, 1, 0));
    assertThat(sum(report)).isEqualTo(report.bytes());
    assertThat(share(report, "dirty-bitmaps")).isPositive();
  }

  @Test
  void passesOverMappedRam() throws Exception {
    for (StreamReport report : List.of(inspectFile(MAPPED_RAM, 0), Streams.inspect(MAPPED_RAM))) {
      assertThat(report.damage()).isEmpty();
      assertThat(report.bytes()).isEqualTo(MAPPED_RAM.length).isEqualTo(sum(report));
      RamReport.Mapped mapped =
          report.ram().orElseThrow().blocks().getFirst().mapped().orElseThrow();
      assertThat(mapped.pages()).isEqualTo(1);
      assertThat(mapped.zeroPages()).isEqualTo(1);
      assertThat(share(report, "mapped-ram-pages")).isEqualTo(4096);
      assertThat(share(report, "mapped-ram-holes")).isEqualTo(4096);
      assertThat(report.devices()).hasSize(1);
    }
  }

  @Test
  void beginsAtAnOffsetOfAFile() throws Exception {
    byte[] shifted = new byte[0x1000 + MAPPED_RAM.length];
    System.arraycopy(MAPPED_RAM, 0, shifted, 0x1000, MAPPED_RAM.length);
    int headerAt = new String(MAPPED_RAM, 0, 256, ISO_8859_1).indexOf("\0\0\0\1\0\0\0\0\0\0\20\0");
    shifted[0x1000 + headerAt + 12 + 6] = 0x10; // was 0, below 0x1000
    shifted[0x1000 + headerAt + 20 + 6] = 0x20; // was 0x1000

    StreamReport report = inspectFile(shifted, 0x1000);

    assertThat(report.damage()).isEmpty();
    assertThat(report.bytes()).isEqualTo(MAPPED_RAM.length);
  }

  @Test
  void countsWhatFollowsTheEnd() throws Exception {
    StreamReport report = Streams.inspect(Streams.PRECOPY + "'more'");

    assertThat(report.damage()).isEmpty();
    assertThat(share(report, "behind-the-end")).isEqualTo(4);
    assertThat(sum(report)).isEqualTo(report.bytes());
  }

  @Test
  void aDamagedStreamIsToldUpToTheDamage() throws Exception {
    byte[] bytes = Wired.hex(Streams.PRECOPY);
    bytes[4221 + 6] = 0x04; // the word of the second round gets another flag

    StreamReport report = Streams.inspect(bytes);

    Damage damage = report.damage().orElseThrow();
    assertThat(damage.cause())
        .isInstanceOfSatisfying(
            StreamException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(StreamException.Kind.MALFORMED);
              assertThat(e.offset()).isEqualTo(4221);
            });
    assertThat(damage.within())
        .isEqualTo("the PART of section 1 (ram, instance 0) that begins at byte 4216");
    assertThat(report.sections()).hasSize(2);
    assertThat(report.ram().orElseThrow().pages()).hasSize(2);
    assertThat(report.bytes()).isEqualTo(bytes.length).isEqualTo(sum(report));
    assertThat(share(report, "not-understood")).isEqualTo(bytes.length - 4221);
  }

  @Test
  void aDeviceOfAnotherLengthThanDescribedIsDamage() throws Exception {
    String longer = Streams.PRECOPY.replace("\"array_len\":2", "\"array_len\":3");

    StreamReport report = Streams.inspect(longer);

    assertThat(report.damage().orElseThrow().sentence())
        .contains("has 9 bytes, and 10 by the description");
    assertThat(report.devices().getFirst().undecoded())
        .isEqualTo("The state has 9 bytes, and 10 as described");
  }

  @Test
  void aDescriptionThatWouldFillMemoryIsNotLookedInto() throws Exception {
    String field = "{\"name\":\"%s\",\"type\":\"\",\"size\":0}".formatted("n".repeat(9 << 20));
    byte[] head = Wired.hex(Streams.HEAD + Streams.TIMER + "00");
    byte[] json =
        ("{\"devices\":[{\"name\":\"timer\",\"instance_id\":0,\"fields\":[" + field + "]}]}")
            .getBytes(ISO_8859_1);
    ByteBuffer stream = ByteBuffer.allocate(head.length + 5 + json.length);
    stream.put(head).put((byte) 6).putInt(json.length).put(json);

    StreamReport report = inspectFile(stream.array(), 0);

    assertThat(report.damage()).isEmpty();
    assertThat(report.devices().getFirst().undecoded())
        .isEqualTo("The description has " + json.length + " bytes and was not looked into");
    assertThat(sum(report)).isEqualTo(report.bytes());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1F8B0800 | gzip",
        "28B52FFD00 | zstd",
        "4C696276697274 51656D75 6453617665 | libvirt",
        "1122334400000001 | main channel",
        "160301 | TLS",
        "00000000 | begins with 0x00000000",
      })
  void saysWhatIsNoStream(String hex, String named) throws Exception {
    StreamReport report = Streams.inspect(hex + "00000000");

    assertThat(report.isStream()).isFalse();
    assertThat(report.damage().orElseThrow().sentence()).contains(named);
    assertThat(sum(report)).isEqualTo(report.bytes());
  }

  @ParameterizedTest
  @ValueSource(strings = {"precopy", "postcopy"})
  void isDamagedWhereverItIsCut(String name) throws Exception {
    String stream = name.equals("precopy") ? Streams.PRECOPY : Streams.POSTCOPY;
    byte[] bytes = Wired.hex(stream);
    for (int cut = 0; cut < bytes.length; cut++) {
      expectCutAt(inspectFile(Arrays.copyOf(bytes, cut), 0), cut);
    }
  }

  @Test
  void aMappedRamFileIsDamagedWhereverItIsCut() throws Exception {
    for (int cut = 0; cut < MAPPED_RAM.length; cut++) {
      expectCutAt(inspectFile(Arrays.copyOf(MAPPED_RAM, cut), 0), cut);
    }
  }

  /** Too large to be read byte by byte, so it is moved over. */
  @Test
  void findsTheEndOfAFileThatIsCutInItsPages() throws Exception {
    byte[] large = Arrays.copyOf(MAPPED_RAM, 300_000);
    int lengthAt = new String(large, 0, 256, ISO_8859_1).indexOf("\1b\0\0\0\0\0\0\40\0");
    // 4 MiB of pages, whose bitmap is 128 bytes long
    large[lengthAt + 2 + 5] = 0x40;
    large[lengthAt + 2 + 6] = 0;
    large[lengthAt - 8 + 5] = 0x40;
    large[lengthAt - 8 + 6] = 0;

    expectCutAt(inspectFile(large, 0), large.length);
  }

  private static void expectCutAt(StreamReport report, int cut) {
    Optional<Damage> damage = report.damage();
    assertThat(damage).as("cut at %d", cut).isPresent();
    assertThat(damage.get().cause())
        .as("cut at %d", cut)
        .isInstanceOfSatisfying(
            StreamException.class,
            e -> {
              assertThat(e.kind()).as("%s", e).isEqualTo(StreamException.Kind.TRUNCATED);
              assertThat(e.offset()).as("%s", e).isEqualTo(cut);
            });
    assertThat(report.bytes()).as("cut at %d", cut).isEqualTo(cut).isEqualTo(sum(report));
  }

  @Test
  void anyDamageIsAReport() {
    Hostile.mutate(
        "inspect",
        List.of(Wired.hex(Streams.PRECOPY), Wired.hex(Streams.POSTCOPY), MAPPED_RAM),
        (Hostile.Judging)
            (mutant, in) -> {
              StreamReport report = inspectFile(mutant, 0);
              assertThat(sum(report)).isEqualTo(report.bytes()).isEqualTo(mutant.length);
              if (report.damage().isPresent()) {
                throw (StreamException) report.damage().get().cause();
              }
            });
  }
}
