package dev.godwit.channel.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.support.ChannelReader;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ChannelClassifierTest {
  private static final AtomicInteger NAMES = new AtomicInteger();

  @Test
  void knowsAMainChannel() throws Exception {
    assertThat(classify(Wire.head("pc").bytes(), 1)).isEqualTo(new ChannelRole.Main());
  }

  @Test
  void knowsAMultifdChannelItsIdAndItsVm() throws Exception {
    byte[] init =
        new Wire().hex("11223344 00000001 112233445566778899AABBCCDDEEFF00 FE").zeros(39).bytes();
    UUID vm = UUID.fromString("11223344-5566-7788-99aa-bbccddeeff00");
    assertThat(classify(init, 7)).isEqualTo(new ChannelRole.Multifd(254, vm));
  }

  @Test
  void knowsARecoveryByItsFirstCommand() throws Exception {
    assertThat(classify(new Wire().hex("08 000A 0007").name("pc.ram").bytes(), 3))
        .isEqualTo(new ChannelRole.Recovery());
  }

  @Test
  void knowsQemusOwnTls() throws Exception {
    assertThat(classify(new Wire().hex("16 0301 0200 01").bytes(), 2))
        .isEqualTo(new ChannelRole.Tls());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "00000000000C0008 06 70632E72616D",
        "0000000000001002 01 62 00",
        "0000000000000010"
      })
  void knowsAPreemptChannelAlsoIfItOnlyEnds(String bytes) throws Exception {
    assertThat(classify(new Wire().hex(bytes).bytes(), 4)).isEqualTo(new ChannelRole.Preempt());
  }

  @Test
  void tellsAChannelThatEndedWithoutAByte() throws Exception {
    assertThat(classify(new byte[0], 1)).isEqualTo(new ChannelRole.Silent());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "47455420 2F20485454502F31",
        "51455645",
        "5145564D 00000002",
        "5145564D 00",
        "11223344 00000002",
        "11223344",
        "08 0001 0000 0000000000",
        "0000000000000028 00 00",
        "FF00000000000008 06 70632E72616D",
        "00"
      })
  void refusesWhatNoMigrationBeginsWith(String bytes) {
    assertThatThrownBy(
            () -> classify(new Wire().hex(bytes).zeros(bytes.length() > 17 ? 64 : 0).bytes(), 64))
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessageContaining("First bytes");
  }

  @Test
  void refusesAMultifdIdThatCannotBe() {
    byte[] init = new Wire().hex("11223344 00000001").zeros(16).hex("FF").zeros(39).bytes();
    assertThatThrownBy(() -> classify(init, 64)).hasMessageContaining("255");
  }

  @Test
  void answersOrRefusesAnyBytes() throws Exception {
    SplittableRandom random = new SplittableRandom(20261121);
    for (int round = 0; round < 2_000; round++) {
      byte[] bytes = new byte[random.nextInt(0, 80)];
      random.nextBytes(bytes);
      try {
        assertThat(classify(bytes, 80)).isNotNull();
      } catch (ChannelException.Violated e) {
        assertThat(e).hasMessageContaining("First bytes");
      }
    }
  }

  /**
   * What the classifier says of a channel that brings these bytes, in pieces, and then ends; and it
   * takes none of them.
   */
  private static ChannelRole classify(byte[] bytes, int piece) throws Exception {
    Transports transports = Transports.load();
    Endpoint endpoint = Endpoint.parse("mem:classifier-" + NAMES.incrementAndGet());
    Deadline soon = Deadline.after(Duration.ofSeconds(10));
    try (Listener listener = transports.listen(endpoint);
        Dialer dialer = transports.dialer(endpoint);
        Channel peer = dialer.dial(soon);
        Channel channel = listener.accept(soon)) {
      for (int at = 0; at < bytes.length; at += piece) {
        peer.write(ByteBuffer.wrap(bytes, at, Math.min(piece, bytes.length - at)));
      }
      peer.shutdownOutput();
      ChannelReader reader = new ChannelReader(channel, ChannelClassifier.PEEK_BYTES);
      ChannelRole role = ChannelClassifier.classify(reader);
      ByteBuffer all = ByteBuffer.allocate(bytes.length + 1);
      while (reader.read(all) >= 0) {
        // Until the end.
      }
      assertThat(all.flip()).isEqualTo(ByteBuffer.wrap(bytes));
      return role;
    }
  }
}
