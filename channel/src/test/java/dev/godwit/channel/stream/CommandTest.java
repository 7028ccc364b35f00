package dev.godwit.channel.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.stream.Command.EnableColo;
import dev.godwit.channel.stream.Command.OpenReturnPath;
import dev.godwit.channel.stream.Command.Packaged;
import dev.godwit.channel.stream.Command.Ping;
import dev.godwit.channel.stream.Command.PostcopyAdvise;
import dev.godwit.channel.stream.Command.PostcopyListen;
import dev.godwit.channel.stream.Command.PostcopyRamDiscard;
import dev.godwit.channel.stream.Command.PostcopyRamDiscard.Range;
import dev.godwit.channel.stream.Command.PostcopyResume;
import dev.godwit.channel.stream.Command.PostcopyRun;
import dev.godwit.channel.stream.Command.RecvBitmap;
import dev.godwit.channel.stream.Command.SwitchoverStart;
import dev.godwit.channel.stream.StreamException.Kind;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class CommandTest {
  private static final Map<String, Command> GOLDEN = golden();

  private static Map<String, Command> golden() {
    Map<String, Command> golden = new LinkedHashMap<>();
    golden.put("08 0001 0000", new OpenReturnPath());
    golden.put("08 0002 0004 FFFFFFFE", new Ping(0xFFFF_FFFEL));
    golden.put("08 0003 0000", new PostcopyAdvise(Optional.empty()));
    golden.put(
        "08 0003 0010 0000000000201000 0000000000001000",
        new PostcopyAdvise(Optional.of(new PostcopyAdvise.PageSizes(0x201000, 0x1000))));
    golden.put("08 0004 0000", new PostcopyListen());
    golden.put("08 0005 0000", new PostcopyRun());
    golden.put(
        "08 0006 0029 00 06'pc.ram' 00 0000000000001000 0000000000002000"
            + " 000000000000F000 0000000000001000",
        new PostcopyRamDiscard(
            "pc.ram", List.of(new Range(0x1000, 0x2000), new Range(0xF000, 0x1000))));
    golden.put("08 0007 0004 000034AB", new Packaged(0x34AB));
    golden.put("08 0008 0000", new EnableColo());
    golden.put("08 0009 0000", new PostcopyResume());
    golden.put("08 000A 0007 06'pc.ram'", new RecvBitmap("pc.ram"));
    golden.put("08 000B 0000", new SwitchoverStart());
    return golden;
  }

  @Test
  void readsAndWritesEach() throws Exception {
    for (Map.Entry<String, Command> each : GOLDEN.entrySet()) {
      byte[] bytes = Wired.hex(each.getKey());
      Command command = each.getValue();
      assertThat(Wired.reading(bytes, 1, Command::read)).isEqualTo(command);
      assertThat(Wired.written(command::write)).isEqualTo(bytes);
      assertThat(Command.HEADER_BYTES + command.payloadBytes()).isEqualTo(bytes.length);
      Hostile.truncate(bytes, Command::read);
    }
  }

  /** A number has its lengths and no others, whatever follows. */
  @Test
  void refusesEveryOtherLength() {
    Map<Integer, List<Integer>> lengths =
        Map.of(1, List.of(0), 2, List.of(4), 3, List.of(0, 16), 4, List.of(0), 5, List.of(0));
    Map<Integer, List<Integer>> more =
        Map.of(7, List.of(4), 8, List.of(0), 9, List.of(0), 11, List.of(0));
    for (Map<Integer, List<Integer>> some : List.of(lengths, more)) {
      some.forEach(
          (number, right) -> {
            for (int length : new int[] {0, 1, 3, 4, 5, 15, 16, 17, 255, 0xFFFF}) {
              if (!right.contains(length)) {
                refuse(
                    String.format("08 %04X %04X", number, length) + "00".repeat(20),
                    Kind.MALFORMED,
                    3,
                    "Command " + number + " has a payload of " + length + " bytes");
              }
            }
          });
    }
  }

  @Test
  void refusesWhatNoSourceSends() {
    refuse("04", Kind.MALFORMED, 0, "A command begins with 0x08, not with 0x04");
    refuse("08 0000 0000", Kind.MALFORMED, 1, "There is no command 0");
    refuse("08 000C 0000", Kind.UNSUPPORTED, 1, "Command 12 is unknown");
    refuse("08 0063 0000", Kind.UNSUPPORTED, 1, "Command 99 is unknown");
    refuse("08 0007 0004 40000001", Kind.MALFORMED, 5, "A package of 1073741825 bytes is too long");
    refuse(
        "08 000A 0007 05'pc.ra' 00",
        Kind.MALFORMED,
        5,
        "The name of the RAM block does not fill its command");
    refuse("08 000A 0002 0000", Kind.MALFORMED, 5, "The name of the RAM block is empty");
    refuse("08 000A 0001 00", Kind.MALFORMED, 3, "Command 10 has a payload of 1 bytes");
  }

  @Test
  void refusesDiscardsThatAreNotWhole() {
    String range = "0000000000001000 0000000000002000";
    refuse("08 0006 0014 01", Kind.UNSUPPORTED, 5, "The version of a discard is 1 instead of 0");
    refuse("08 0006 0013 00", Kind.MALFORMED, 3, "Command 6 has a payload of 19 bytes");
    refuse(
        "08 0006 0015 00 01'b' 00" + range + "00",
        Kind.MALFORMED,
        5,
        "A discard of 21 bytes for b has no whole ranges");
    refuse(
        "08 0006 0014 00 11'bbbbbbbbbbbbbbbbb' 00",
        Kind.MALFORMED,
        5,
        "A discard of 20 bytes for bbbbbbbbbbbbbbbbb has no whole ranges");
    refuse(
        "08 0006 0014 00 01'b' 01" + range,
        Kind.MALFORMED,
        8,
        "The name of a discarded block does not end with 0");
    for (String bad :
        List.of(
            "8000000000000000 0000000000001000",
            "0000000000001000 FFFFFFFFFFFFF000",
            "7FFFFFFFFFFFF000 0000000000001000")) {
      refuse(
          "08 0006 0014 00 01'b' 00" + bad,
          Kind.MALFORMED,
          9,
          "A discarded range lies outside of every block");
    }
  }

  @Test
  void doesNotMakeADiscardThatDoesNotFit() {
    List<Range> tooMany = Collections.nCopies(4096, new Range(0, 4096));
    assertThatThrownBy(() -> new PostcopyRamDiscard("b", tooMany))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new PostcopyRamDiscard("b", List.of()))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static void refuse(String hex, Kind kind, long offset, String sentence) {
    Hostile.refuse(hex, Command::read, kind, offset, sentence);
  }

  @Test
  void bearsMutations() {
    Hostile.mutate("CommandTest", GOLDEN.keySet().stream().map(Wired::hex).toList(), Command::read);
  }
}
