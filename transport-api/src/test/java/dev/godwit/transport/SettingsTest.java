package dev.godwit.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class SettingsTest {
  private static Settings settings(String text) {
    return Endpoint.parse("any:x?" + text).settings();
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "4096, 4096",
    "64k, 65536",
    "64K, 65536",
    "100M, 104857600",
    "3G, 3221225472",
    "2T, 2199023255552",
    "5kB, 5120",
    "7b, 7",
    "0x10, 16",
    "0x10k, 16384",
    "007, 7",
    "9223372036854775807, 9223372036854775807"
  })
  void bytes(String text, long expected) {
    assertThat(settings("size=" + text).bytes("size", -1)).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "k",
        "-1",
        "1.5M",
        "1 M",
        "0x",
        "10P",
        "9223372036854775808",
        "8388608T",
        "1kk"
      })
  void whatIsNoNumberOfBytesIsRefusedByName(String text) {
    assertThatThrownBy(() -> Settings.parseBytes("size", text))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining("size")
        .hasMessageContaining("'" + text + "'");
  }

  @ParameterizedTest
  @CsvSource({"250us, PT0.00025S", "20ms, PT0.02S", "3s, PT3S", "2m, PT2M", "0ms, PT0S"})
  void durations(String text, Duration expected) {
    assertThat(settings("time=" + text).duration("time", Duration.ZERO)).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "20", "ms", "1.5s", "-1s", "1h", "99999999999999999999s"})
  void whatIsNoTimeIsRefusedByName(String text) {
    assertThatThrownBy(() -> Settings.parseDuration("time", text))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining("time")
        .hasMessageContaining("'" + text + "'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"9223372036854775807m", "9223372036854775807us"})
  void aTimeThatNoClockHoldsIsRefused(String text) {
    assertThatThrownBy(() -> Settings.parseDuration("time", text))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining("too large");
  }

  @ParameterizedTest
  @CsvSource({"on, true", "yes, true", "TRUE, true", "'', true", "off, false", "no, false"})
  void flags(String text, boolean expected) {
    assertThat(settings("flag=" + text).flag("flag", !expected)).isEqualTo(expected);
  }

  @Test
  void aKeyAloneIsOnAndNoKeyIsTheDefault() {
    assertThat(settings("flag").flag("flag", false)).isTrue();
    assertThat(settings("other").flag("flag", true)).isTrue();
    assertThat(Settings.none().bytes("size", 5)).isEqualTo(5);
    assertThat(Settings.none().number("n", 6, 0, 9)).isEqualTo(6);
    assertThat(Settings.none().text("n")).isEmpty();
    assertThatThrownBy(() -> Settings.parseFlag("flag", "maybe"))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining("on or off");
  }

  @Test
  void numbersKeepTheirRange() {
    assertThat(settings("n=9").number("n", 0, 1, 9)).isEqualTo(9);
    for (String bad : List.of("0", "10", "x", "", "99999999999")) {
      assertThatThrownBy(() -> settings("n=" + bad).number("n", 5, 1, 9))
          .isInstanceOf(EndpointException.class)
          .hasMessageContaining("from 1 to 9");
    }
  }

  @Test
  void orderAndRepetitionAreKept() {
    Settings settings = settings("fault=cut:1&tap=/a&fault=short");
    assertThat(settings.values("fault")).containsExactly("cut:1", "short");
    assertThat(settings).hasToString("fault=cut:1&tap=/a&fault=short");
    assertThat(settings.without(List.of("fault"))).isEqualTo(settings("tap=/a"));
    assertThat(settings.without(List.of("fault", "tap"))).isEqualTo(Settings.none());
    assertThatThrownBy(() -> settings.text("fault"))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining("2 times");
  }

  @Test
  void anUnknownKeyIsNamedBesideTheKnownOnes() {
    assertThatThrownBy(
            () -> settings("mode=1&moed=2").requireKnown("unix", List.of("owner", "mode")))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining("'moed'")
        .hasMessageContaining("unix:")
        .hasMessageContaining("mode, owner");
  }
}
