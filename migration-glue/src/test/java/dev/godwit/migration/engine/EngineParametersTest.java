package dev.godwit.migration.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.godwit.channel.multifd.MultifdCompression;
import dev.godwit.migration.qemu.MigrationParameter;
import dev.godwit.migration.qemu.ParameterType;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class EngineParametersTest {
  private static List<String> problems(String... namesAndValues) {
    Map<String, String> settings = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      settings.put(namesAndValues[i], namesAndValues[i + 1]);
    }
    ParameterException e =
        catchThrowableOfType(ParameterException.class, () -> EngineParameters.of(settings));
    assertThat(e).as(settings.toString()).isNotNull();
    return e.problems();
  }

  @Test
  void theDefaultsAreQemus() {
    EngineParameters defaults = EngineParameters.defaults();

    assertThat(defaults)
        .isEqualTo(
            new EngineParameters(
                128L << 20,
                Duration.ofMillis(300),
                false,
                2,
                MultifdCompression.NONE,
                1,
                1,
                false,
                20,
                10,
                false,
                99,
                50,
                ZeroPageDetection.MULTIFD,
                true,
                0,
                Duration.ofSeconds(30),
                Duration.ofSeconds(20),
                true));
    for (EngineParameter parameter : EngineParameter.values()) {
      assertThat(defaults.values()).containsEntry(parameter, parameter.initial());
      MigrationParameter.named(parameter.parameterName())
          .ifPresent(same -> assertThat(same.initial()).contains(parameter.initial()));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "max-bandwidth, 1.5G",
    "downtime-limit, 2000000",
    "multifd, on",
    "multifd-channels, 255",
    "multifd-zlib-level, 9",
    "multifd-zstd-level, 20",
    "auto-converge, on",
    "cpu-throttle-initial, 99",
    "cpu-throttle-increment, 99",
    "cpu-throttle-tailslow, on",
    "max-cpu-throttle, 20",
    "throttle-trigger-threshold, 100",
    "zero-page-detection, legacy",
    "return-path, off",
    "x-godwit-max-passes, 2147483647",
    "x-godwit-peer-timeout, 86400",
    "x-godwit-connect-timeout, 1",
    "x-godwit-whole-pages, off",
  })
  void eachIsSetByItself(String name, String value) {
    EngineParameter parameter = EngineParameter.named(name).orElseThrow();
    EngineParameters set = EngineParameters.defaults().with(name, value);

    Map<String, String> all = new LinkedHashMap<>();
    set.values().forEach((p, v) -> all.put(p.parameterName(), v.toString()));
    assertThat(set.values().get(parameter))
        .isEqualTo(parameter.type().read(value).orElseThrow())
        .isNotEqualTo(parameter.initial());
    Arrays.stream(EngineParameter.values())
        .filter(other -> other != parameter)
        .forEach(other -> assertThat(set.values()).containsEntry(other, other.initial()));
    assertThat(EngineParameters.of(all)).isEqualTo(set);
  }

  @ParameterizedTest
  @EnumSource
  void theEndsOfEachRangeAreTakenAndWhatIsBeyondIsNot(EngineParameter parameter) {
    if (parameter.type() instanceof ParameterType.Count count) {
      EngineParameters roomy =
          EngineParameters.of(Map.of("cpu-throttle-initial", "1", "max-cpu-throttle", "99"));
      assertThat(roomy.with(parameter.parameterName(), Long.toString(count.min()))).isNotNull();
      String beyond = Long.toString(count.max() + 1);
      assertThat(problems(parameter.parameterName(), beyond))
          .containsExactly(
              "The parameter %s takes %s, not '%s'".formatted(parameter, count.expected(), beyond));
      assertThat(count.expected()).contains(Long.toString(count.max()), count.unit());
    }
    assertThat(problems(parameter.parameterName(), "plenty"))
        .containsExactly(
            "The parameter %s takes %s, not 'plenty'"
                .formatted(parameter, parameter.type().expected()));
  }

  @Test
  void everythingThatIsWrongIsSaidAtOnce() {
    assertThat(
            problems(
                "downtime-limt", "300",
                "multifd-channels", "256",
                "xbzrle", "on",
                "frobnicate", "1",
                "multifd-compression", "zstd",
                "max-cpu-throttle", "30",
                "cpu-throttle-initial", "40"))
        .containsExactly(
            "There is no parameter 'downtime-limt'; the nearest is downtime-limit",
            "The parameter multifd-channels takes a whole number from 1 to 255, not '256'",
            "The parameter xbzrle is QEMU's alone; the engine has none of that name",
            "There is no parameter 'frobnicate'",
            "The parameter multifd-compression=zstd needs multifd=on",
            "The parameter max-cpu-throttle=30 is less than cpu-throttle-initial=40");
  }

  @Test
  void aPairIsNotJudgedByAValueThatIsNone() {
    assertThat(problems("multifd", "maybe", "multifd-compression", "zlib")).hasSize(1);
    assertThat(problems("max-cpu-throttle", "5", "cpu-throttle-initial", "x")).hasSize(1);
  }

  @Test
  void hardwareCompressionIsQemusAlone() {
    assertThat(problems("multifd", "on", "multifd-compression", "qatzip"))
        .containsExactly(
            "The parameter multifd-compression takes one of none, zlib, zstd, not 'qatzip'");
  }

  @Test
  void settingsThatGoTogetherAreMadeTogether() {
    EngineParameters plain = EngineParameters.defaults();

    EngineParameters compressed =
        plain.with(
            Map.of("multifd-compression", "zlib", "multifd-zlib-level", "7", "multifd", "on"));

    assertThat(compressed.multifdCompression()).isEqualTo(MultifdCompression.ZLIB);
    assertThat(compressed.multifdLevel()).isEqualTo(7);
    assertThat(compressed.with("multifd-compression", "zstd").multifdLevel()).isEqualTo(1);
    assertThatThrownBy(() -> plain.with("multifd-compression", "zlib"))
        .isInstanceOf(ParameterException.class);
    assertThatThrownBy(() -> compressed.with("multifd", "off"))
        .hasMessage("The parameter multifd-compression=zlib needs multifd=on");
    assertThat(plain.with("cpu-throttle-increment", "5").autoConverge()).isFalse();
  }

  @Test
  void theConstructorJudgesTheSame() {
    assertThatThrownBy(
            () ->
                new EngineParameters(
                    -1,
                    Duration.ofNanos(1_500_000),
                    false,
                    0,
                    MultifdCompression.ZSTD,
                    1,
                    1,
                    false,
                    20,
                    10,
                    false,
                    10,
                    50,
                    ZeroPageDetection.NONE,
                    true,
                    -2,
                    Duration.ofSeconds(Long.MAX_VALUE),
                    Duration.ofSeconds(-20),
                    true))
        .isInstanceOfSatisfying(
            ParameterException.class,
            e ->
                assertThat(e.problems())
                    .satisfiesExactly(
                        p ->
                            assertThat(p)
                                .startsWith("The parameter max-bandwidth")
                                .endsWith("'-1'"),
                        p -> assertThat(p).contains("downtime-limit").endsWith("'PT0.0015S'"),
                        p -> assertThat(p).contains("multifd-channels").endsWith("'0'"),
                        p -> assertThat(p).contains("x-godwit-max-passes").endsWith("'-2'"),
                        p -> assertThat(p).contains("x-godwit-peer-timeout"),
                        p -> assertThat(p).contains("x-godwit-connect-timeout").endsWith("'-20'"),
                        p -> assertThat(p).contains("multifd-compression=zstd needs"),
                        p -> assertThat(p).contains("max-cpu-throttle=10 is less")));
  }

  @ParameterizedTest
  @ValueSource(longs = {Long.MIN_VALUE, Long.MAX_VALUE})
  void noDurationIsTooLongForASentence(long seconds) {
    EngineParameters d = EngineParameters.defaults();
    assertThatThrownBy(() -> withDowntimeLimit(d, Duration.ofSeconds(seconds)))
        .isInstanceOf(ParameterException.class)
        .hasMessageStartingWith("The parameter downtime-limit takes");
  }

  private static EngineParameters withDowntimeLimit(EngineParameters d, Duration limit) {
    return new EngineParameters(
        d.maxBandwidthBytesPerSecond(),
        limit,
        d.multifd(),
        d.multifdChannels(),
        d.multifdCompression(),
        d.multifdZlibLevel(),
        d.multifdZstdLevel(),
        d.autoConverge(),
        d.cpuThrottleInitial(),
        d.cpuThrottleIncrement(),
        d.cpuThrottleTailslow(),
        d.maxCpuThrottle(),
        d.throttleTriggerThreshold(),
        d.zeroPageDetection(),
        d.returnPath(),
        d.maxPasses(),
        d.peerTimeout(),
        d.connectTimeout(),
        d.wholePages());
  }

  @Test
  void everyParameterOfQemusHasItsReleases() {
    for (EngineParameter parameter : EngineParameter.values()) {
      assertThat(parameter.lifetime().isEmpty())
          .as(parameter.parameterName())
          .isEqualTo(parameter.parameterName().startsWith("x-godwit-"));
      assertThat(parameter.meaning()).isNotEmpty().doesNotEndWith(".");
      assertThat(parameter.type().read(parameter.initial().toString()))
          .contains(parameter.initial());
    }
  }
}
