package dev.godwit.transport.rdma.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class QemuGreetingTest {
  @Test
  void looksLikeThisOnTheWire() {
    assertThat(HexFormat.of().formatHex(new QemuGreeting(true).encode()))
        .isEqualTo("0000000100000001");
    assertThat(HexFormat.of().formatHex(new QemuGreeting(false).encode()))
        .isEqualTo("0000000100000000");
  }

  @Test
  void paddingAndUnknownFlagsAreIgnored() throws Exception {
    byte[] padded = Arrays.copyOf(HexFormat.of().parseHex("0000000180000001"), 56);
    assertThat(QemuGreeting.decode(padded)).isEqualTo(new QemuGreeting(true));
    padded[4 + 3] = 0x7e;
    assertThat(QemuGreeting.decode(padded)).isEqualTo(new QemuGreeting(false));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "00000001", "0000000000000000", "0000000200000000"})
  void whatNoQemuSendsIsRefused(String hex) {
    assertThatThrownBy(() -> QemuGreeting.decode(HexFormat.of().parseHex(hex)))
        .isInstanceOf(ChannelException.Violated.class);
  }
}
