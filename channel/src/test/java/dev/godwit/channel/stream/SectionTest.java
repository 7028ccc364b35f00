package dev.godwit.channel.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.stream.SectionHeader.Kind;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** File header, section headers and footers, and the end of the sections. */
final class SectionTest {
  private static final StreamException.Kind MALFORMED = StreamException.Kind.MALFORMED;
  private static final StreamException.Kind UNSUPPORTED = StreamException.Kind.UNSUPPORTED;

  private static final String START = "01 00000002 03'ram' 00000001 00000004";
  private static final String FULL = "04 FFFFFFFF 05'timer' FFFFFFFE 00000002";
  private static final Section RAM = new Section(2, "ram", 1, 4);
  private static final Section TIMER = new Section(0xFFFF_FFFFL, "timer", 0xFFFF_FFFEL, 2);
  private static final List<SectionHeader> ALL =
      List.of(
          new SectionHeader(Kind.START, RAM),
          new SectionHeader(Kind.PART, RAM),
          new SectionHeader(Kind.FULL, TIMER),
          new SectionHeader(Kind.PART, RAM),
          new SectionHeader(Kind.END, RAM));
  private static final String ALL_BYTES =
      START + "02 00000002" + FULL + "02 00000002" + "03 00000002";

  private static List<SectionHeader> headers(StreamInput in) throws IOException {
    SectionTable known = new SectionTable();
    List<SectionHeader> headers = new ArrayList<>();
    do {
      headers.add(SectionHeader.read(in, known));
    } while (in.hasMore());
    return headers;
  }

  @Test
  void readsAndWritesTheFileHeader() throws Exception {
    byte[] bytes = Wired.hex("51 45 56 4D 00 00 00 03");
    FileHeader header = Wired.reading(bytes, 1, FileHeader::read);
    assertThat(Wired.written(header::write)).isEqualTo(bytes).hasSize(FileHeader.BYTES);
    Hostile.truncate(bytes, FileHeader::read);
  }

  @Test
  void refusesOtherFiles() {
    Hostile.refuse(
        "08 000A 0002 01'b'",
        FileHeader::read,
        UNSUPPORTED,
        0,
        "This goes on with a postcopy migration that was interrupted, and is nothing without it");
    Hostile.refuse(
        "51 45 56 4C 00 00 00 03",
        FileHeader::read,
        MALFORMED,
        0,
        "This is no migration stream, it begins with 0x5145564C");
    Hostile.refuse(
        "51 45 56 4D 00 00 00 02",
        FileHeader::read,
        UNSUPPORTED,
        4,
        "The stream's version is 2 instead of 3");
  }

  @Test
  void readsAndWritesSectionHeaders() throws Exception {
    assertThat(Wired.reading(Wired.hex(ALL_BYTES), 1, SectionTest::headers)).isEqualTo(ALL);
    byte[] written =
        Wired.written(
            out -> {
              for (SectionHeader header : ALL) {
                header.write(out);
              }
            });
    assertThat(written).isEqualTo(Wired.hex(ALL_BYTES));
    Hostile.truncate(Wired.hex(START), in -> SectionHeader.read(in, new SectionTable()));
    Hostile.mutate("SectionTest", List.of(Wired.hex(ALL_BYTES)), SectionTest::headers);
  }

  @Test
  void holdsHeadersAgainstThoseBefore() {
    refuse("02 00000002", 0, "Section 2 has a PART and never had a START");
    refuse("03 00000002", 0, "Section 2 has a END and never had a START");
    refuse(
        START + START, 17, "The id of section ram is that of section 2 (ram, instance 1) already");
    refuse(
        START + "04 00000002 05'timer' 00000000 00000002",
        17,
        "The id of section timer is that of section 2 (ram, instance 1) already");
    refuse(
        FULL + "02 FFFFFFFF",
        19,
        "There is a PART of section 4294967295 (timer, instance 4294967294), which came as a whole"
            + " before");
    refuse("05", 0, "No section begins with 0x05");
    refuse("01 00000007 00", 5, "The name of section 7 is empty");
  }

  private static void refuse(String hex, long offset, String sentence) {
    Hostile.refuse(hex, SectionTest::headers, MALFORMED, offset, sentence);
  }

  @Test
  void boundsWhatItRemembers() {
    SectionTable table = new SectionTable();
    for (long id = 0; id < SectionTable.MAX_SECTIONS; id++) {
      SectionHeader header = new SectionHeader(Kind.FULL, new Section(id, "x", id, 1));
      assertThat(table.objection(header)).isEmpty();
      table.accept(header);
    }
    Section more = new Section(SectionTable.MAX_SECTIONS, "x", 0, 1);
    assertThat(table.objection(new SectionHeader(Kind.FULL, more)))
        .contains("There are more than 65536 sections");
  }

  @Test
  void readsAndWritesFooters() throws Exception {
    byte[] bytes = Wired.hex("7E 00000002");
    SectionFooter footer = Wired.reading(bytes, 1, in -> SectionFooter.read(in, RAM));
    assertThat(Wired.written(footer::write)).isEqualTo(bytes).hasSize(SectionFooter.BYTES);
    Hostile.truncate(bytes, in -> SectionFooter.read(in, RAM));
    Hostile.refuse(
        "7E 00000009",
        in -> SectionFooter.read(in, RAM),
        MALFORMED,
        1,
        "The footer of section 2 (ram, instance 1) has the id 9");
    Hostile.refuse(
        "02 00000002",
        in -> SectionFooter.read(in, RAM),
        MALFORMED,
        0,
        "Where section 2 (ram, instance 1) ends there is 0x02, no footer");
  }

  @Test
  void readsAndWritesTheEndOfSections() throws Exception {
    EndOfSections end = Wired.reading(Wired.hex("00"), EndOfSections::read);
    assertThat(Wired.written(end::write)).containsExactly(0);
    Hostile.refuse(
        "06", EndOfSections::read, MALFORMED, 0, "The sections end with 0x00, not with 0x06");
  }
}
