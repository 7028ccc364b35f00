package dev.godwit.channel.identity;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class MainHeadTest {
  private static final String OPEN_RETURN_PATH = "08 0001 0000";
  private static final String PING = "08 0002 0004 00000001";
  private static final String POSTCOPY_ADVISE = "08 0003 0010 0000000000001000 0000000000001000";
  private static final String START = "01 00000002 03 72616D 00000000 00000004";

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 64, 4096})
  void learnsMachineReturnPathAndPostcopyInWhateverPiecesTheyCome(int piece) {
    MainHead head = new MainHead();
    feed(
        head,
        Wire.head("pc-i440fx-10.0")
            .hex(OPEN_RETURN_PATH)
            .hex(PING)
            .hex(POSTCOPY_ADVISE)
            .hex(START)
            .bytes(),
        piece);

    assertThat(head.machine()).contains("pc-i440fx-10.0");
    assertThat(head.returnPath()).isTrue();
    assertThat(head.postcopy()).isTrue();
    assertThat(head.isComplete()).isTrue();
  }

  @Test
  void saysThatNoReturnPathCameOnceTheFirstSectionBegins() {
    MainHead head = new MainHead();
    feed(head, Wire.head("pc").bytes(), 100);
    assertThat(head.isComplete()).isFalse();

    feed(head, new Wire().hex(START).bytes(), 100);
    assertThat(head.isComplete()).isTrue();
    assertThat(head.returnPath()).isFalse();
    assertThat(head.postcopy()).isFalse();
  }

  @Test
  void stepsOverEverySubsectionOfTheConfiguration() {
    Wire wire =
        Wire.head("pc-q35-7.2")
            .hex("05")
            .name("configuration/target-page-bits")
            .hex("00000001 0000000C")
            .hex("05")
            .name("configuration/capabilities")
            .hex("00000001 00000002")
            .name("x-ignore-shared")
            .name("mapped-ram")
            .hex("05")
            .name("configuration/uuid")
            .hex("00000001")
            .zeros(16)
            .hex(OPEN_RETURN_PATH)
            .hex(START);
    MainHead head = new MainHead();
    feed(head, wire.bytes(), 5);

    assertThat(head.returnPath()).isTrue();
    assertThat(head.isComplete()).isTrue();
  }

  @Test
  void stopsLookingAtAHeadThatNeverEnds() {
    MainHead head = new MainHead();
    feed(head, Wire.head("pc").bytes(), 100);
    for (int i = 0; i < 10_000 && !head.isComplete(); i++) {
      feed(head, new Wire().hex(PING).bytes(), 9);
    }
    assertThat(head.isComplete()).isTrue();
  }

  @Test
  void neverFailsOnAnyBytes() {
    SplittableRandom random = new SplittableRandom(20261121);
    for (int round = 0; round < 5_000; round++) {
      byte[] bytes = Wire.head("pc").hex(OPEN_RETURN_PATH).hex(POSTCOPY_ADVISE).hex(START).bytes();
      for (int flips = random.nextInt(1, 6); flips > 0; flips--) {
        bytes[random.nextInt(8, bytes.length)] = (byte) random.nextInt();
      }
      feed(new MainHead(), bytes, random.nextInt(1, 20));
    }
  }

  @Test
  void knowsWhatARecoveryImplies() {
    MainHead head = MainHead.ofRecovery();
    assertThat(head.isComplete()).isTrue();
    assertThat(head.returnPath()).isTrue();
    assertThat(head.postcopy()).isTrue();
  }

  private static void feed(MainHead head, byte[] bytes, int piece) {
    for (int at = 0; at < bytes.length; at += piece) {
      ByteBuffer part = ByteBuffer.wrap(bytes, at, Math.min(piece, bytes.length - at));
      int before = part.position();
      head.see(part);
      assertThat(part.position()).isEqualTo(before);
    }
  }
}
