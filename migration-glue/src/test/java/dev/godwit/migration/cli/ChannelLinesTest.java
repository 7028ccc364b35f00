package dev.godwit.migration.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.migration.proxy.MigrationReport.ChannelReport;
import dev.godwit.transport.PeerIdentity;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class ChannelLinesTest {
  private static final PeerIdentity NOBODY = new PeerIdentity.Unknown();

  private static ChannelReport channel(boolean placing, long placedBytes) {
    return new ChannelReport(
        "main", "tcp:h:1", NOBODY, NOBODY, false, placing, placedBytes, 1000, 10, Optional.empty());
  }

  @Test
  void whereBytesCouldBePlacedAVerboseReportSaysWhetherTheyWere() {
    assertThat(ChannelLines.of(List.of(channel(true, 0)), true))
        .hasSize(3)
        .last()
        .asString()
        .contains("Only Godwit's own buffers were registered");
    assertThat(ChannelLines.of(List.of(channel(true, 4096)), true))
        .last()
        .asString()
        .contains("placed", "4,096 B");
  }

  @Test
  void otherwiseNothingIsSaidOfIt() {
    assertThat(ChannelLines.of(List.of(channel(true, 0)), false)).hasSize(2);
    assertThat(ChannelLines.of(List.of(channel(false, 0)), true)).hasSize(2);
  }

  @Test
  void programsGetTheNumber() {
    assertThat(ChannelLines.members(channel(true, 4096))).containsEntry("placed-bytes", 4096L);
  }
}
