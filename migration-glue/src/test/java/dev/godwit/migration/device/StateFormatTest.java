package dev.godwit.migration.device;

import static dev.godwit.migration.device.Bytes.hex;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.godwit.channel.stream.MachineDescription;
import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamException.Kind;
import dev.godwit.channel.stream.VmDescription;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.testkit.Seed;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

final class StateFormatTest {
  private static final String FIELDS_OF_2 =
      "0102030405060708 FFFFFFFE FFFFFFFE 01 D9F6 18 'god'00 0000 0001FFFF1234 0003 050505 "
          + "00000002 0001 00 0002 01 0167 00 ";

  private static final String ALARMS =
      "01 FFFFFFFFFFFFFFFF 01 40 00 05 0A'alarm/loud' 00000001 09 01 0000000000000000 00 00 ";

  private static final String SUBSECTIONS =
      "05 0A'clock/zone' 00000007 FD 01 05 0E'clock/zone/odd' 00000001 02 "
          + "05 0D'clock/battery' 00000001 63";

  private static final byte[] KNOWN = hex(FIELDS_OF_2 + ALARMS + SUBSECTIONS);

  /** The same without what version 2 added. */
  private static final byte[] KNOWN_OF_1 =
      hex(
          "0102030405060708 FFFFFFFE 01 D9F6 18 'god'00 0000 0001FFFF1234 0003 050505 "
              + "00000002 0001 0002 0167 "
              + ALARMS
              + SUBSECTIONS);

  @Test
  void writesTheBytesOfTheWire() throws Exception {
    assertThat(Bytes.save(Clock.FORMAT, Clock.known())).isEqualTo(KNOWN);
  }

  @Test
  void writesAnOlderVersion() throws Exception {
    assertThat(Bytes.saved(Clock.FORMAT, Clock.known(), 1).bytes()).isEqualTo(KNOWN_OF_1);
    assertThatThrownBy(() -> Bytes.saved(Clock.FORMAT, Clock.known(), 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("State clock is written in versions 1 to 2, not in 0");
  }

  @Test
  void readsWhatItWrote() throws Exception {
    Clock clock = Bytes.loaded(Clock.FORMAT, new Clock(), KNOWN);
    assertThat(clock).usingRecursiveComparison().isEqualTo(Clock.known());
  }

  @Test
  void leavesAsItIsWhatAnOldVersionDoesNotHave() throws Exception {
    Clock clock = new Clock();
    clock.rate = 77;
    assertThat(Bytes.load(Clock.FORMAT, clock, KNOWN_OF_1, 1)).isEqualTo(KNOWN_OF_1.length);
    assertThat(clock.rate).isEqualTo(77);
    assertThat(clock.drift).isEqualTo(-2);
    assertThat(clock.alarms).hasSize(2);
  }

  @Test
  void isLeftAtItsEnd() throws Exception {
    byte[] footer = hex("7E 00000005");
    byte[] bytes = Arrays.copyOf(KNOWN, KNOWN.length + footer.length);
    System.arraycopy(footer, 0, bytes, KNOWN.length, footer.length);
    assertThat(Bytes.load(Clock.FORMAT, new Clock(), bytes, 2)).isEqualTo(KNOWN.length);
  }

  @Test
  void describesJustWhatItWrote() throws Exception {
    Seed seed = Seed.of("StateFormatTest");
    Random random = seed.random();
    for (int round = 0; round < 200; round++) {
      for (long version = 1; version <= 2; version++) {
        Clock clock = Clock.random(random);
        Bytes.Saved saved = Bytes.saved(Clock.FORMAT, clock, version);
        StateDescription description = saved.description();
        assertThat(description.bodyBytes())
            .as("seed %s round %d version %d", seed, round, version)
            .isEqualTo(saved.bytes().length);
        MachineDescription machine =
            new MachineDescription(
                OptionalLong.of(4096),
                Optional.empty(),
                List.of(new MachineDescription.Device("isa/clock", 3, description)));
        assertThat(VmDescription.of(machine).parse())
            .as("seed %s round %d", seed, round)
            .isEqualTo(machine);
        Clock read = new Clock();
        assertThat(Bytes.load(Clock.FORMAT, read, saved.bytes(), version))
            .isEqualTo(saved.bytes().length);
        assertThat(Bytes.saved(Clock.FORMAT, read, version).bytes()).isEqualTo(saved.bytes());
      }
    }
  }

  @Test
  void describesEqualElementsAsAnArrayAndOthersOneByOne() throws Exception {
    StateDescription description = Bytes.saved(Clock.FORMAT, Clock.known(), 2).description();
    assertThat(description.name()).isEqualTo("clock");
    assertThat(description.version()).isEqualTo(2);
    StateDescription.Field hands = field(description, "hands");
    assertThat(hands.type()).isEqualTo("struct");
    assertThat(hands.elements()).isEqualTo(2);
    assertThat(hands.elementBytes()).isEqualTo(3);
    assertThat(field(description, "regs").bytes()).isEqualTo(6);
    StateDescription.Field alarms = field(description, "alarms");
    assertThat(alarms.type()).isEqualTo("qtailq");
    assertThat(alarms.struct().orElseThrow().fields())
        .extracting(StateDescription.Field::name)
        .containsExactly("entry[0]", "entry[1]", "end");
    assertThat(description.subsections())
        .extracting(StateDescription::name)
        .containsExactly("clock/zone", "clock/battery");
  }

  private static StateDescription.Field field(StateDescription description, String name) {
    return description.fields().stream()
        .filter(f -> f.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void describesTooManyElementsAsBytes() throws Exception {
    StateFormat<Ragged> format =
        StateFormat.<Ragged>named("ragged")
            .list("rows", 20_000, Ragged.ROW, r -> r.rows, ArrayList::new)
            .build();
    Ragged ragged = new Ragged();
    for (int i = 0; i < 20_000; i++) {
      ragged.rows.add(new ArrayList<>(List.of(7L).subList(0, i % 2)));
    }
    Bytes.Saved saved = Bytes.saved(format, ragged, 1);
    assertThat(saved.description().bodyBytes()).isEqualTo(saved.bytes().length);
    StateDescription rows = field(saved.description(), "rows").struct().orElseThrow();
    assertThat(rows.fields())
        .extracting(StateDescription.Field::type)
        .containsExactly("buffer", "bool");
    Ragged read = Bytes.loaded(format, new Ragged(), saved.bytes());
    assertThat(read.rows).isEqualTo(ragged.rows);
  }

  private static final class Ragged {
    static final StateFormat<List<Long>> ROW =
        StateFormat.<List<Long>>named("row")
            .generated("length", Primitive.U8, List::size)
            .variableArray("cells", "length", 4, Primitive.I8, List::get, (r, i, v) -> r.add(i, v))
            .build();
    private final List<List<Long>> rows = new ArrayList<>();
  }

  @Test
  void takesASubsectionInAnyOrderAndVersion() throws Exception {
    byte[] bytes =
        hex(
            FIELDS_OF_2
                + ALARMS
                + "05 0D'clock/battery' 00000001 63"
                + "05 0A'clock/zone' 00000005 FD");
    Clock clock = Bytes.loaded(Clock.FORMAT, new Clock(), bytes);
    assertThat(clock.charge).isEqualTo(99);
    assertThat(clock.zone).isEqualTo(-3);
    assertThat(clock.summer).isZero();
  }

  @Test
  void aFiveOfTheStructureAroundIsNoSubsection() throws Exception {
    @SuppressWarnings("ArrayRecordComponent") // Nobody compares two of them.
    record Five(Clock.Hand hand, byte[] rest) {}
    StateFormat<Five> format =
        StateFormat.<Five>named("five")
            .struct("hand", Clock.Hand.FORMAT, Five::hand)
            .bytes("rest", 8, Five::rest, (f, v) -> System.arraycopy(v, 0, f.rest, 0, 8))
            .build();
    for (String rest :
        List.of(
            "05 00 00 00 00 00 00 00",
            "05 06'hand' 2F2F",
            "05 04'hand' 0001",
            "05 0A'hanx' 00 00")) {
      byte[] bytes = hex("0001 00" + rest);
      Five five = new Five(new Clock.Hand(), new byte[8]);
      if (rest.startsWith("05 06")) {
        refuse(
            format,
            five,
            bytes,
            1,
            Kind.UNSUPPORTED,
            3,
            "State hand has a subsection that is unknown here: hand//");
      } else {
        assertThat(Bytes.load(format, five, bytes, 1)).as(rest).isEqualTo(bytes.length);
        assertThat(five.rest()).isEqualTo(hex(rest));
      }
    }
  }

  private static <T> void refuse(
      StateFormat<T> format,
      T state,
      byte[] bytes,
      long version,
      Kind kind,
      long offset,
      String sentence) {
    StreamException refused =
        catchThrowableOfType(
            StreamException.class, () -> Bytes.load(format, state, bytes, version));
    assertThat(refused).as(sentence).isNotNull();
    assertThat(refused.sentence()).isEqualTo(sentence);
    assertThat(refused.kind()).as(sentence).isEqualTo(kind);
    assertThat(refused.offset()).as(sentence).isEqualTo(offset);
  }

  private static void refuseClock(String bytes, Kind kind, long offset, String sentence) {
    refuse(Clock.FORMAT, new Clock(), hex(bytes), 2, kind, offset, sentence);
  }

  @Test
  void refusesVersionsItDoesNotRead() {
    refuse(
        Clock.FORMAT,
        new Clock(),
        KNOWN,
        3,
        Kind.UNSUPPORTED,
        0,
        "State clock has version 3, and this side reads 1 to 2");
    refuse(
        Clock.FORMAT,
        new Clock(),
        KNOWN,
        0,
        Kind.UNSUPPORTED,
        0,
        "State clock has version 0, and this side reads 1 to 2");
  }

  @Test
  void refusesValuesThatCannotBe() {
    refuseClock(
        FIELDS_OF_2.replace("FFFFFFFE 01 D9F6", "FFFFFFFE 02 D9F6"),
        Kind.MALFORMED,
        16,
        "Field on of clock is 2, which is no bool");
    refuseClock(
        FIELDS_OF_2.replace("08 FFFFFFFE", "08 00000000"),
        Kind.MALFORMED,
        8,
        "Field rate of clock is refused");
    refuseClock(
        FIELDS_OF_2.replace("D9F6", "D9F7"), Kind.MALFORMED, 17, "Field sum of clock is refused");
    refuseClock(
        FIELDS_OF_2.replace("D9F6 18", "D9F6 0C"),
        Kind.MISMATCHED,
        19,
        "Field hours of clock is 12 there and 24 here");
    refuseClock(
        FIELDS_OF_2.replace("0003 050505", "03E9 050505"),
        Kind.MALFORMED,
        32,
        "Array note of clock cannot have 1001 elements, only 1000");
    refuseClock(
        FIELDS_OF_2.replace("00000002", "FFFFFFFF"),
        Kind.MALFORMED,
        37,
        "Array hands of clock cannot have 4294967295 elements, only 20");
    int list = hex(FIELDS_OF_2).length;
    refuseClock(
        FIELDS_OF_2 + "02",
        Kind.MALFORMED,
        list,
        "An entry of list alarms of clock is marked 0x02 instead of 0x01 or 0x00");
    refuseClock(
        FIELDS_OF_2 + "01 0000000000000000 00".repeat(31),
        Kind.MALFORMED,
        list + 300,
        "List alarms of clock has more than 30 entries");
    byte[] unset = hex("00".repeat(8) + FIELDS_OF_2.substring(16).replace("D9F6", "FFFE") + "00");
    refuse(
        Clock.FORMAT,
        new Clock(),
        unset,
        2,
        Kind.MALFORMED,
        unset.length,
        "State clock is refused");
  }

  @Test
  void tellsWhyAValueIsRefused() {
    StreamException refused =
        catchThrowableOfType(
            StreamException.class,
            () ->
                Bytes.loaded(
                    Clock.FORMAT,
                    new Clock(),
                    hex(FIELDS_OF_2.replace("08 FFFFFFFE", "08 00000000"))));
    assertThat(refused).hasRootCauseMessage("A clock cannot have no rate");
  }

  @Test
  void refusesSubsectionsThatCannotBe() {
    String fields = FIELDS_OF_2 + "00";
    int start = hex(fields).length;
    refuseClock(
        fields + "05 09'clock/new' 00000001",
        Kind.UNSUPPORTED,
        start,
        "State clock has a subsection that is unknown here: clock/new");
    refuseClock(
        fields + "05 0D'clock/battery' 00000001 63".repeat(2),
        Kind.MALFORMED,
        start + 20,
        "Subsection clock/battery comes twice");
    refuseClock(
        fields + "05 0A'clock/zone' 00000008",
        Kind.UNSUPPORTED,
        start + 12,
        "Subsection clock/zone has version 8, and this side reads 5 to 7");
    refuseClock(
        fields + "05 0A'clock/zone' 00000004",
        Kind.UNSUPPORTED,
        start + 12,
        "Subsection clock/zone has version 4, and this side reads 5 to 7");
  }

  @Test
  void isTruncatedWhereverItIsCut() throws Exception {
    int fields = hex(FIELDS_OF_2 + ALARMS).length;
    int loud = hex(FIELDS_OF_2 + "01 FFFFFFFFFFFFFFFF 01 40 00").length;
    for (int cut = 0; cut < KNOWN.length; cut++) {
      byte[] part = Arrays.copyOf(KNOWN, cut);
      StreamException end =
          catchThrowableOfType(
              StreamException.class, () -> Bytes.loaded(Clock.FORMAT, new Clock(), part));
      if (cut == loud + 1 || cut == loud + 2) {
        // A 0x05 without a name might as well be what is behind the alarm, and is no mark.
        assertThat(end).as("cut at %d", cut).hasMessageContaining("is marked 0x05");
      } else if (cut < fields) {
        assertThat(end).as("cut at %d", cut).isNotNull();
        assertThat(end.kind()).as("%s", end).isEqualTo(Kind.TRUNCATED);
        assertThat(end.offset()).as("%s", end).isEqualTo(cut);
      } else if (end != null) {
        assertThat(end.kind()).as("%s", end).isEqualTo(Kind.TRUNCATED);
      }
    }
  }

  @Test
  void saysWhatAStateHasTooMuchOf() {
    unfit(c -> c.rate = 1L << 32, "Field rate of clock is 4294967296, which is no uint32");
    unfit(c -> c.name = new byte[5], "Array name of clock has 5 elements instead of 4");
    unfit(c -> c.note = new byte[1001], "Array note of clock has 1001 elements, and may have 1000");
    unfit(
        c -> {
          for (int i = 0; i < 31; i++) {
            c.alarms.add(new Clock.Alarm());
          }
        },
        "List alarms of clock has 31 entries, and may have 30");
  }

  private static void unfit(Consumer<Clock> change, String sentence) {
    Clock clock = new Clock();
    change.accept(clock);
    assertThatThrownBy(() -> Bytes.save(Clock.FORMAT, clock))
        .isInstanceOf(GuestException.class)
        .hasMessage(sentence);
  }

  @Test
  void numbersKeepTheirBits() throws Exception {
    for (Primitive type : Primitive.values()) {
      StateFormat<long[]> format =
          StateFormat.<long[]>named("n").number("n", type, n -> n[0], (n, v) -> n[0] = v).build();
      for (long value : new long[] {0, 1, -1, 127, 128, 255, 65535, 1L << 31, Long.MIN_VALUE}) {
        long[] state = {value};
        if (type.holds(value)) {
          byte[] bytes = Bytes.save(format, state);
          assertThat(bytes).as("%s %d", type, value).hasSize(type.bytes());
          byte[] wide = ByteBuffer.allocate(8).putLong(value).array();
          assertThat(bytes).isEqualTo(Arrays.copyOfRange(wide, 8 - type.bytes(), 8));
          assertThat(Bytes.loaded(format, new long[1], bytes)).containsExactly(value);
        } else {
          assertThatThrownBy(() -> Bytes.save(format, state)).isInstanceOf(GuestException.class);
        }
      }
    }
  }

  @Test
  void hooksRunBeforeAndAfter() throws Exception {
    List<String> calls = new ArrayList<>();
    StateFormat<List<String>> format =
        StateFormat.<List<String>>named("hooked")
            .version(3)
            .oldest(2)
            .u8("x", s -> s.add("save") ? 1 : 0, (s, v) -> s.add("load " + v))
            .preSave(s -> s.add("before"))
            .postLoad((s, version) -> s.add("after " + version))
            .build();
    byte[] bytes = Bytes.save(format, calls);
    Bytes.load(format, calls, bytes, 2);
    assertThat(calls).containsExactly("before", "save", "load 1", "after 2");
  }
}
