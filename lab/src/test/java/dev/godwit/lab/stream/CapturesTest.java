package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.stream.Capture.Connection;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.lab.stream.Mode.Layout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each capture is what it claims to be, by its bytes alone (qemu-wire.md §0, §4, §5). */
@ExtendWith(Captures.Shared.class)
final class CapturesTest {
  private static final int FOOTER = 0x7E;

  static Stream<Kind> kinds() {
    return Mode.allKinds();
  }

  /** A connection that is broken in the middle ends anywhere. */
  static Stream<Kind> whole() {
    return Mode.allKinds().filter(kind -> kind.mode() != Mode.RECOVERY);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void recordedWhatTheModeSays(Kind kind, Captures captures) throws Exception {
    Capture capture = captures.of(kind);

    List<String> roles = capture.connections().stream().map(Connection::name).sorted().toList();
    assertThat(roles).isEqualTo(kind.mode().connections());
    byte[] main = capture.main().bytes();
    String head = new String(main, 0, 64, StandardCharsets.ISO_8859_1);
    assertThat(ByteBuffer.wrap(main).getLong()).isEqualTo(0x5145_564D_0000_0003L);
    assertThat(head.substring(13)).startsWith(kind.machineType());
    assertThat(main.length).as("bytes on main").isGreaterThan(10_000);
    assertThat(capture.guestMemory().get(0x7C00 + 510))
        .as("the guest's boot sector")
        .isEqualTo((byte) 0x55);
  }

  @ParameterizedTest
  @MethodSource("whole")
  void endsAsTheModeEnds(Kind kind, Captures captures) throws Exception {
    byte[] main = captures.of(kind).main().bytes();

    if (kind.mode().described()) {
      int description = description(main);
      assertThat(main[description - 1]).as("end of all sections").isZero();
      assertThat(main[description - 6]).as("footer of the last device").isEqualTo((byte) FOOTER);
    } else {
      assertThat(main[main.length - 1]).as("end of all sections").isZero();
      assertThat(main[main.length - 6]).as("footer of ram").isEqualTo((byte) FOOTER);
    }
  }

  @ParameterizedTest
  @MethodSource("whole")
  void answersOnlyWhereAnotherQemuAnswered(Kind kind, Captures captures) throws Exception {
    byte[] answers = captures.of(kind).main().answers();

    if (kind.mode().layout() == Layout.BOTH_WAYS) {
      assertThat(answers).as("PONG 1").startsWith(0, 2, 0, 4, 0, 0, 0, 1);
      assertThat(answers).as("SHUT 0").endsWith(0, 1, 0, 4, 0, 0, 0, 0);
      if (kind.running()) {
        assertThat(new String(answers, StandardCharsets.ISO_8859_1))
            .as("a request for a page")
            .contains("\6pc.ram");
      }
    } else {
      assertThat(answers).isEmpty();
    }
  }

  /** Where the description of the devices begins, which is the end of the stream. */
  private static int description(byte[] main) {
    ByteBuffer stream = ByteBuffer.wrap(main);
    for (int at = main.length - 7; at > 0; at--) {
      if (main[at] == 6 && main[at + 5] == '{' && stream.getInt(at + 1) == main.length - at - 5) {
        return at;
      }
    }
    throw new AssertionError("There is no description at the end of " + main.length + " bytes");
  }
}
