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
  private static final String TABLE =
      "0000000001120004 06 70632E72616D 0000000001000000 08 70632E62696F73 0000000000040000";

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
            .hex(TABLE)
            .bytes(),
        piece);

    assertThat(head.machine()).contains("pc-i440fx-10.0");
    assertThat(head.returnPath()).isTrue();
    assertThat(head.postcopy()).isTrue();
    assertThat(head.ram()).contains(new MainHead.Ram(0x1120000, "pc.ram", 0x1000000));
    assertThat(head.isComplete()).isTrue();
  }

  @Test
  void saysThatNoReturnPathCameOnceTheFirstSectionBegins() {
    MainHead head = new MainHead();
    feed(head, Wire.head("pc").bytes(), 100);
    assertThat(head.isComplete()).isFalse();

    feed(head, new Wire().hex("01 00000001 05 626C6F636B").zeros(20).bytes(), 100);
    assertThat(head.isComplete()).isTrue();
    assertThat(head.ram()).isEmpty();
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
            .hex(START)
            .hex(TABLE);
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
      byte[] bytes =
          Wire.head("pc").hex(OPEN_RETURN_PATH).hex(POSTCOPY_ADVISE).hex(START).hex(TABLE).bytes();
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
