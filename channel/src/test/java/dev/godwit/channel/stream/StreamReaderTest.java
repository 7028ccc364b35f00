package dev.godwit.channel.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.godwit.channel.stream.SectionHeader.Kind;
import dev.godwit.channel.stream.StreamReader.FullSection;
import dev.godwit.transport.testkit.Seed;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class StreamReaderTest {
  private static final StreamException.Kind MALFORMED = StreamException.Kind.MALFORMED;
  private static final StreamException.Kind TRUNCATED = StreamException.Kind.TRUNCATED;
  private static final String HEAD = Samples.HEADER + Samples.CONFIGURATION;
  private static final Section RAM = new Section(1, "ram", 0, 4);
  private static final Section TIMER = new Section(0, "timer", 0, 2);

  /** Reads on to the end; devices by search, guest memory by the walker. */
  private static List<StreamItem> items(StreamReader reader) throws IOException {
    List<StreamItem> items = new ArrayList<>();
    try (Wired sink = new Wired("buffer=16k");
        StreamOutput out = new StreamOutput(sink.sending(), 512)) {
      RamWalker ram = new RamWalker(out, false);
      for (Optional<StreamItem> next = reader.next(); next.isPresent(); next = reader.next()) {
        items.add(next.get());
        if (next.get() instanceof SectionHeader header) {
          if (header.section().isRam()) {
            reader.body(ram);
          } else {
            reader.bodyUntilFooter(piece -> {});
          }
        }
      }
    }
    return items;
  }

  private static List<StreamItem> items(StreamInput in) throws IOException {
    return items(StreamReader.of(in));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 4097, 100_000})
  void readsAPrecopy(int pieceBytes) throws Exception {
    List<StreamItem> items =
        Wired.reading(Wired.hex(Samples.PRECOPY), pieceBytes, StreamReaderTest::items);
    assertThat(items.subList(0, items.size() - 1))
        .containsExactly(
            new FileHeader(),
            Configuration.of("m"),
            new SectionHeader(Kind.START, RAM),
            new SectionHeader(Kind.PART, RAM),
            new SectionHeader(Kind.END, RAM),
            new SectionHeader(Kind.FULL, TIMER),
            new SectionHeader(Kind.FULL, new Section(7, "empty", 1, 1)),
            new EndOfSections());
    assertThat(((VmDescription) items.getLast()).parse().devices()).hasSize(2);
  }

  @Test
  void saysWhereItemsAndBodiesAre() throws Exception {
    Wired.reading(
        Wired.hex(HEAD + Samples.TIMER + Samples.EMPTY + Samples.EOF + Samples.DESCRIPTION),
        in -> {
          StreamReader reader = StreamReader.of(in);
          items(reader);
          assertThat(reader.itemOffset()).isEqualTo(in.offset());
          assertThat(reader.fullSections())
              .containsExactly(
                  new FullSection(TIMER, 33, 6),
                  new FullSection(new Section(7, "empty", 1, 1), 63, 0));
          return true;
        });
  }

  /** Old settings leave it out; what follows the header is then a section or a command. */
  @Test
  void readsAStreamWithoutConfigurationOrDescription() throws Exception {
    byte[] bytes = Wired.hex(Samples.HEADER + Samples.OPEN_RETURN_PATH + Samples.EOF);
    List<StreamItem> items = Wired.reading(bytes, StreamReaderTest::items);
    assertThat(items)
        .containsExactly(
            new FileHeader(),
            new Command.OpenReturnPath(),
            new Command.Ping(1),
            new EndOfSections());
  }

  /** A device's own bytes may look like the end, and the stream be cut right behind them. */
  @Test
  void anEndWithoutADescriptionIsNone() throws Exception {
    Hostile.refuse(
        HEAD + Samples.TIMER + Samples.EOF,
        StreamReaderTest::items,
        StreamException.Kind.TRUNCATED,
        45,
        "The stream ends without the description of its devices: it was cut short, or its source has"
            + " suppress-vmdesc on");
  }

  @Test
  void readsAPackageInPlace() throws Exception {
    Wired.reading(
        Wired.hex(Samples.POSTCOPY),
        1,
        in -> {
          StreamReader reader = StreamReader.of(in);
          List<StreamItem> items = items(reader);
          int at = items.indexOf(new Command.PostcopyListen());
          assertThat(items.get(at - 1)).isInstanceOf(Command.Packaged.class);
          assertThat(items.subList(at, items.size()))
              .containsExactly(
                  new Command.PostcopyListen(),
                  new SectionHeader(Kind.FULL, TIMER),
                  new Command.Ping(3),
                  new Command.PostcopyRun(),
                  new Command.Ping(4),
                  new SectionHeader(Kind.PART, RAM),
                  new SectionHeader(Kind.END, RAM),
                  new EndOfSections());
          assertThat(reader.inPackage()).isFalse();
          return true;
        });
  }

  /** The destination still has to answer: whoever asks must not wait for a description. */
  @Test
  void doesNotWaitForADescriptionAfterPostcopy() throws Exception {
    try (Wired wired = new Wired("buffer=1M");
        StreamInput in = new StreamInput(wired.receiving(), "main")) {
      wired.sending().write(ByteBuffer.wrap(Wired.hex(Samples.POSTCOPY)));
      assertThat(items(in).getLast()).isEqualTo(new EndOfSections());
    }
  }

  @Test
  void goesOnAfterARecovery() throws Exception {
    SectionTable known = new SectionTable();
    known.accept(new SectionHeader(Kind.START, RAM));
    byte[] bytes = Wired.hex(Samples.RECOVERY);
    List<StreamItem> items = Wired.reading(bytes, in -> items(StreamReader.ofRecovery(in, known)));
    assertThat(items)
        .containsExactly(
            new Command.RecvBitmap("b"),
            new Command.PostcopyResume(),
            new SectionHeader(Kind.PART, RAM),
            new SectionHeader(Kind.END, RAM),
            new EndOfSections());
  }

  @Test
  void refusesPackagesThatAreNotWhole() {
    String run = "08 0005 0000";
    refuse(
        Samples.POSTCOPY_HEAD + "08 0007 0004 00000004" + run,
        140,
        "What begins in a package does not end in it");
    refuse(
        Samples.POSTCOPY_HEAD + Samples.packaged(Samples.packaged(run)),
        140,
        "A package lies inside a package");
    refuse(
        Samples.POSTCOPY_HEAD + Samples.packaged(Samples.RAM_END),
        140,
        "A package has a END of section 1 (ram, instance 0), which is not whole");
    refuse(
        Samples.POSTCOPY_HEAD + Samples.packaged("00" + run),
        140,
        "Neither a section nor a command begins with 0x00");
    refuse(
        Samples.POSTCOPY_HEAD + "08 0007 0004 00000014" + Samples.TIMER + run,
        159,
        "A section has no footer before its package ends");
  }

  @Test
  void refusesWhatIsOutOfOrder() {
    refuse(HEAD + "55", 14, "Neither a section nor a command begins with 0x55");
    refuse(HEAD + Samples.CONFIGURATION, 14, "Neither a section nor a command begins with 0x07");
    refuse(HEAD + "06", 14, "Neither a section nor a command begins with 0x06");
    refuse(HEAD + "7E", 14, "Neither a section nor a command begins with 0x7E");
    refuse(HEAD + "0004", 15, "A description begins with 0x06, not with 0x04");
    refuse(HEAD + Samples.RAM_END, 14, "Section 1 has a END and never had a START");
    Hostile.refuse(
        HEAD + "01 00000001 03'ram' 00000000 00000005",
        StreamReaderTest::items,
        StreamException.Kind.UNSUPPORTED,
        14,
        "The version of section 1 (ram, instance 0) is 5 instead of 4");
    Hostile.refuse(
        HEAD, StreamReaderTest::items, TRUNCATED, 14, "The stream ends in the middle of something");
  }

  private static void refuse(String hex, long offset, String sentence) {
    Hostile.refuse(hex, StreamReaderTest::items, MALFORMED, offset, sentence);
  }

  @Test
  void wantsEachBodyReadOnce() throws Exception {
    Wired.reading(
        Wired.hex(Samples.PRECOPY),
        in -> {
          StreamReader reader = StreamReader.of(in);
          assertThatThrownBy(() -> reader.bodyUntilFooter(piece -> {}))
              .isInstanceOf(IllegalStateException.class);
          reader.next();
          reader.next();
          assertThat(reader.next()).contains(new SectionHeader(Kind.START, RAM));
          assertThatThrownBy(reader::next).isInstanceOf(IllegalStateException.class);
          return true;
        });
  }

  @Test
  void handsOnABodyOfKnownLength() throws Exception {
    Wired.reading(
        Wired.hex(HEAD + Samples.TIMER + Samples.EOF),
        1,
        in -> {
          StreamReader reader = StreamReader.of(in);
          reader.next();
          reader.next();
          reader.next();
          ByteArrayOutputStream body = new ByteArrayOutputStream();
          reader.body(6, piece -> collect(body, piece));
          assertThat(body.toByteArray()).isEqualTo(Wired.hex("7E0000000005"));
          assertThat(reader.next()).contains(new EndOfSections());
          return true;
        });
    for (long wrong : new long[] {5, 7}) {
      StreamException refused =
          catchThrowableOfType(
              StreamException.class,
              () ->
                  Wired.reading(
                      Wired.hex(HEAD + Samples.TIMER + Samples.EOF),
                      in -> {
                        StreamReader reader = StreamReader.of(in);
                        reader.next();
                        reader.next();
                        reader.next();
                        reader.body(wrong, piece -> {});
                        return true;
                      }));
      assertThat(refused.kind()).isEqualTo(MALFORMED);
      assertThat(refused.offset()).isEqualTo(33 + wrong);
    }
  }

  private static void collect(ByteArrayOutputStream all, ByteBuffer piece) {
    byte[] bytes = new byte[piece.remaining()];
    piece.get(bytes);
    all.writeBytes(bytes);
  }

  /** Bodies full of what begins like a footer; none of it is followed by what can follow one. */
  @Test
  void findsTheEndOfWhateverABodyHolds() throws Exception {
    Seed seed = Seed.of("StreamReaderTest.findsTheEndOfWhateverABodyHolds");
    byte[][] pieces = {
      Wired.hex("7E00000000"),
      Wired.hex("7E0000000000"),
      Wired.hex("7E0000000000 06 FFFFFFFF"),
      Wired.hex("7E"),
      Wired.hex("7E000000"),
      Wired.hex("7E0000000005"),
      Wired.hex("7E0000000006"),
      Wired.hex("7E000000007E00000000"),
      Wired.hex("7E00000000 08 0001 0001"),
      Wired.hex("7E00000000 02 00000001"),
      Wired.hex("7E00000000 04 00000000 05'timer'"),
      Wired.hex("7E00000000 04 00000009 00"),
      Wired.hex("7E00000000 04 00000009 02'x' 07"),
      Wired.hex("7E00000000 08 000C 0000"),
      Wired.hex("FF"),
      new byte[700]
    };
    for (int round = 0; round < 300; round++) {
      Random random = seed.random(round);
      ByteArrayOutputStream body = new ByteArrayOutputStream();
      for (int n = random.nextInt(12); n > 0; n--) {
        body.writeBytes(pieces[random.nextInt(pieces.length)]);
        body.write(0xFF);
      }
      ByteArrayOutputStream stream = new ByteArrayOutputStream();
      stream.writeBytes(Wired.hex(HEAD + "04 00000000 05'timer' 00000000 00000002"));
      stream.writeBytes(body.toByteArray());
      String[] next = {
        Samples.EMPTY, Samples.RAM_START, "08 0005 0000", "00" + Samples.DESCRIPTION
      };
      stream.writeBytes(Wired.hex("7E00000000" + next[random.nextInt(next.length)] + "00"));
      ByteArrayOutputStream read = new ByteArrayOutputStream();
      int pieceBytes = 1 + random.nextInt(1000);
      Wired.reading(
          stream.toByteArray(),
          pieceBytes,
          in -> {
            StreamReader reader = StreamReader.of(in);
            reader.next();
            reader.next();
            reader.next();
            return reader.bodyUntilFooter(piece -> collect(read, piece));
          });
      assertThat(read.toByteArray())
          .as("round %d of %s", round, seed)
          .isEqualTo(body.toByteArray());
    }
  }

  /** The clock's id is 0, half of its bytes are, and one in 256 clocks has this before them. */
  @Test
  void readsAClockThatLooksLikeTheEnd() throws Exception {
    byte[] clock = Wired.hex("000000000000007E 0000000000000000 0000000000000001");
    String bytes = HexFormat.of().formatHex(clock);
    for (String end : List.of("00" + Samples.DESCRIPTION, "00", "00 06 00", Samples.EMPTY)) {
      Wired.reading(
          Wired.hex(HEAD + "04 00000000 05'timer' 00000000 00000002" + bytes + "7E00000000" + end),
          in -> {
            StreamReader reader = StreamReader.of(in);
            reader.next();
            reader.next();
            reader.next();
            ByteArrayOutputStream read = new ByteArrayOutputStream();
            reader.bodyUntilFooter(piece -> collect(read, piece));
            assertThat(read.toByteArray()).as("before %s", end).isEqualTo(clock);
            return true;
          });
    }
  }

  /** Its source waits for an answer, and sends neither a description nor its end before. */
  @Test
  void doesNotWaitForADescriptionWhereNoneIsExpected() throws Exception {
    try (Wired wired = new Wired("buffer=1M");
        StreamInput in = new StreamInput(wired.receiving(), "main")) {
      byte[] bytes = Wired.hex(HEAD + Samples.TIMER + Samples.EOF);
      wired.sending().write(ByteBuffer.wrap(bytes));
      StreamReader reader = StreamReader.of(in);
      reader.expectNoDescription();
      assertThat(items(reader).getLast()).isEqualTo(new EndOfSections());
    }
  }

  /** Looking far ahead moves what is buffered; nothing of it may be lost. */
  @Test
  void handsOutWhatItLookedBeyond() throws Exception {
    String header = HEAD + "04 00000000 05'timer' 00000000 00000002";
    for (int before = 200; before < 520; before += 3) {
      byte[] body =
          Wired.hex(
              "FF".repeat(before)
                  + "7E00000000 04 00000009 C8"
                  + "'x'".repeat(199)
                  + "07"
                  + "FE".repeat(600));
      ByteArrayOutputStream stream = new ByteArrayOutputStream();
      stream.writeBytes(Wired.hex(header));
      stream.writeBytes(body);
      stream.writeBytes(Wired.hex("7E00000000 00"));
      ByteArrayOutputStream read = new ByteArrayOutputStream();
      Wired.reading(
          stream.toByteArray(),
          in -> {
            StreamReader reader = StreamReader.of(in);
            reader.next();
            reader.next();
            reader.next();
            return reader.bodyUntilFooter(piece -> collect(read, piece));
          });
      assertThat(read.toByteArray()).as("%d bytes before", before).isEqualTo(body);
    }
  }

  /** A guest can write such bytes into a device on purpose. */
  @Test
  void noticesStateThatWasCutShort() throws Exception {
    String forged =
        "04 00000000 05'timer' 00000000 00000002 7E00000000"
            + "04 00000063 04'fake' 00000000 00000001 00 7E00000000";
    StreamException refused =
        catchThrowableOfType(
            StreamException.class,
            () ->
                Wired.reading(
                    Wired.hex(HEAD + forged + "7E00000063" + Samples.EOF + Samples.DESCRIPTION),
                    in -> {
                      StreamReader reader = StreamReader.of(in);
                      VmDescription last = (VmDescription) items(reader).getLast();
                      return reader.verify(last.parse());
                    }));
    assertThat(refused.kind()).isEqualTo(MALFORMED);
    assertThat(refused.offset()).isEqualTo(33);
    assertThat(refused.sentence())
        .isEqualTo(
            "The state of section 0 (timer, instance 0) has 0 bytes, and 6 by the description");
  }

  @Test
  void holdsStateAgainstTheDescription() throws Exception {
    String undescribed = "04 00000008 04'more' 00000000 00000001 FF 7E00000008";
    Wired.reading(
        Wired.hex(HEAD + Samples.TIMER + Samples.EMPTY + undescribed + "00" + Samples.DESCRIPTION),
        in -> {
          StreamReader reader = StreamReader.of(in);
          VmDescription last = (VmDescription) items(reader).getLast();
          assertThat(reader.verify(last.parse())).containsExactly(new Section(8, "more", 0, 1));
          return true;
        });
  }

  @Test
  void saysWhereTheStreamIsCut() {
    byte[] stream = Wired.hex(HEAD + Samples.RAM_START + Samples.TIMER + "08 0001 0000");
    Hostile.truncate(stream, StreamReaderTest::items);
  }

  @Test
  void bearsMutations() {
    List<byte[]> samples = new ArrayList<>();
    for (String sample : List.of(Samples.PRECOPY, Samples.RICH, Samples.POSTCOPY)) {
      samples.add(Wired.hex(sample));
    }
    Hostile.mutate("StreamReaderTest", samples, StreamReaderTest::items);
  }
}
