package dev.godwit.transport.tls;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

final class GreetingTest {
  private static ByteBuffer written(String refusal) {
    ByteBuffer out = ByteBuffer.allocate(256);
    Greeting.write(refusal, out);
    return out;
  }

  @Test
  void isAZeroForWhomIsLetIn() {
    ByteBuffer out = written("");
    assertThat(out.position()).isEqualTo(1);
    assertThat(out.get(0)).isZero();
    assertThat(Greeting.isWhole(out)).isTrue();
    assertThat(Greeting.read(out.flip())).isEmpty();
  }

  @Test
  void isASentenceForWhomIsNot() {
    ByteBuffer out = written("No, für dich nicht");
    assertThat(out.get(0)).isEqualTo((byte) 19);
    assertThat(Greeting.isWhole(out)).isTrue();
    assertThat(Greeting.isWhole(out.duplicate().position(19))).isFalse();
    assertThat(Greeting.isWhole(ByteBuffer.allocate(8))).isFalse();
    assertThat(Greeting.read(out.flip())).isEqualTo("No, für dich nicht");
  }

  @Test
  void aLongSentenceIsCutBetweenCharacters() {
    ByteBuffer out = written("x" + "ü".repeat(200));
    assertThat(out.position()).isEqualTo(256);
    assertThat(Greeting.read(out.flip())).isEqualTo("x" + "ü".repeat(127));
    out = written("ü".repeat(200));
    assertThat(out.position()).isEqualTo(255);
    assertThat(Greeting.read(out.flip())).isEqualTo("ü".repeat(127));
  }

  @Test
  void whatWouldDeceiveInALogIsReplaced() {
    byte[] sentence = "a\n2026 ERROR \u001b[31mb".getBytes(StandardCharsets.UTF_8);
    ByteBuffer in = ByteBuffer.allocate(64).put((byte) sentence.length).put(sentence).flip();
    assertThat(Greeting.read(in)).isEqualTo("a?2026 ERROR ?[31mb");
  }
}
