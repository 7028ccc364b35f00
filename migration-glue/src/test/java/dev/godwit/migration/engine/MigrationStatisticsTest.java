package dev.godwit.migration.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

final class MigrationStatisticsTest {
  @Test
  void theWireIsTheSumOfTheChannels() {
    SortedMap<String, Long> channels =
        new TreeMap<>(Map.of("main", 5L, "multifd 0", 70L, "multifd 1", 900L));
    MigrationStatistics some =
        new MigrationStatistics(6, 5, 4, 3, 2, 1, 9000, 80, 700, 60, 5, channels, 4, 3, 2);
    channels.put("multifd 2", 1L);

    assertThat(some.wireBytes()).isEqualTo(975);
    assertThat(some.mainBytes()).isEqualTo(5);
    assertThat(some.multifdBytes()).isEqualTo(970);
    assertThat(some.ramBytes()).isEqualTo(760);
    assertThatThrownBy(() -> some.channelBytes().clear())
        .isInstanceOf(UnsupportedOperationException.class);
  }

  @Test
  void nothingWasDoneAtTheBeginning() {
    MigrationStatistics none = MigrationStatistics.none(1 << 20);

    assertThat(none.ramTotalBytes()).isEqualTo(1 << 20);
    assertThat(none.wireBytes() + none.mainBytes() + none.multifdBytes() + none.ramBytes())
        .isZero();
  }

  @Test
  void everyFieldNamesItsUnit() {
    assertThat(
            Arrays.stream(MigrationStatistics.class.getRecordComponents())
                .map(RecordComponent::getName))
        .allMatch(
            name ->
                name.endsWith("Seconds") || name.endsWith("Bytes") || name.endsWith("PerSecond"));
  }
}
