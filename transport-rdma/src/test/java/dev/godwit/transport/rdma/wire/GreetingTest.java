package dev.godwit.transport.rdma.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.testkit.Seed;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class GreetingTest {
  private static final Greeting GREETING =
      new Greeting(
          3,
          new UUID(0x0102030405060708L, 0x090a0b0c0d0e0f10L),
          32,
          32768,
          Greeting.PIN_ALL,
          1L << 40);

  @Test
  void looksLikeThisOnTheWire() {
    assertThat(HexFormat.of().formatHex(GREETING.encode()))
        .isEqualTo(
            "00000001" // QEMU's version
                + "80000001" // more follows, pins all
                + "676f647769745244" // godwitRD
                + "0001" // version
                + "0003" // channel
                + "0102030405060708090a0b0c0d0e0f10"
                + "0020" // slots
                + "0000"
                + "00008000" // bytes a slot
                + "00000001" // pins all
                + "0000010000000000");
  }

  @Test
  void whatIsEncodedIsDecodedWhateverThePadding() throws Exception {
    assertThat(Greeting.decode(GREETING.encode())).isEqualTo(GREETING);
    assertThat(Greeting.decode(Arrays.copyOf(GREETING.encode(), 196))).isEqualTo(GREETING);
  }

  @Test
  void thePrivateDataOfAQemuIsNoGodwits() {
    byte[] qemu = Arrays.copyOf(HexFormat.of().parseHex("0000000100000001"), 56);
    assertThat(Greeting.isGodwits(qemu)).isFalse();
    assertThat(Greeting.isGodwits(new byte[0])).isFalse();
    assertThat(Greeting.isGodwits(new byte[196])).isFalse();
    assertThat(Greeting.isGodwits(Arrays.copyOf(GREETING.encode(), 55))).isFalse();
    assertThatThrownBy(() -> Greeting.decode(qemu)).isInstanceOf(ChannelException.Violated.class);
  }

  @ParameterizedTest
  @CsvSource({
    "3, 2, version 2", // QEMU's version
    "36, ff, slots", // 65312 slots
    "37, 1, slots",
    "37, 0, slots",
    "40, 80, bytes", // a negative length
    "40, 7f, bytes",
    "42, 0, bytes", // 0
    "48, 80, registered"
  })
  void whatMakesNoSenseIsRefused(int at, String hex, String hint) {
    byte[] bad = GREETING.encode();
    bad[at] = (byte) Integer.parseInt(hex, 16);
    assertThatThrownBy(() -> Greeting.decode(bad))
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessageContaining(hint);
  }

  @Test
  void anotherVersionIsUnsupported() {
    byte[] later = GREETING.encode();
    later[17] = 9;
    assertThatThrownBy(() -> Greeting.decode(later))
        .isInstanceOf(ChannelException.Unsupported.class)
        .hasMessageContaining("version 9");
  }

  @Test
  void garbageIsNeverAccepted() {
    Seed seed = Seed.of("garbageIsNeverAccepted");
    Random random = seed.random();
    for (int i = 0; i < 10_000; i++) {
      byte[] bytes = GREETING.encode();
      // All but the magic may be anything.
      for (int n = random.nextInt(1, 6); n > 0; n--) {
        bytes[random.nextInt(4)] = (byte) random.nextInt();
        bytes[16 + random.nextInt(40)] = (byte) random.nextInt();
      }
      try {
        Greeting read = Greeting.decode(bytes);
        assertThat(read.slots()).isBetween(Greeting.MIN_SLOTS, Greeting.MAX_SLOTS);
        assertThat(read.slotBytes()).isBetween(Greeting.MIN_SLOT_BYTES, Greeting.MAX_SLOT_BYTES);
        assertThat(read.registrableBytes()).isNotNegative();
      } catch (ChannelException.Violated | ChannelException.Unsupported expected) {
        // As it should be.
      } catch (ChannelException e) {
        throw new AssertionError(seed.toString(), e);
      }
    }
  }

  @Test
  void aRefusalIsASentenceCutAtAWholeCharacter() {
    String sentence = "\u00e4".repeat(100);
    byte[] data = Refusal.encode(sentence);
    assertThat(data).hasSize(148);
    assertThat(Refusal.decode(Arrays.copyOf(data, 148))).isEqualTo("\u00e4".repeat(74));
    assertThat(Refusal.decode(Arrays.copyOf("Why\u001b[2J".getBytes(StandardCharsets.UTF_8), 90)))
        .isEqualTo("Why?[2J");
    assertThat(Refusal.decode(new byte[] {(byte) 0xff, 1})).isEmpty();
    assertThat(Refusal.decode(new byte[148])).isEmpty();
  }
}
