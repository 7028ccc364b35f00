package dev.godwit.migration.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Availability;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class TransportLinesTest {

  @Test
  void whatTheHostHasStandsBetweenTheSchemeAndItsSettings() {
    assertThat(TransportLines.of(new FakeRdma()).stream().map(String::strip))
        .containsExactly(
            "fakerdma: Nothing at all",
            "here: fake0 port 1 is active",
            "here: This process may lock 4,096 bytes",
            "spin              how long");
  }

  @Test
  void whatItLacksStandsFirst() {
    var lacking = new FakeRdma(Availability.unavailable("There is no cable"));

    assertThat(TransportLines.of(lacking))
        .element(1)
        .asString()
        .endsWith("not here: There is no cable");
    assertThat(TransportLines.members(lacking))
        .containsEntry("available", false)
        .containsEntry("cause", "There is no cable");
  }

  @Test
  void programsGetTheMembersOfEachFactWithItsKindAndSentence() {
    assertThat(TransportLines.members(new FakeRdma()))
        .containsEntry("available", true)
        .containsEntry(
            "facts",
            List.of(
                Map.of(
                    "kind", "port",
                    "message", "fake0 port 1 is active",
                    "device", "fake0",
                    "active", true,
                    "gids", List.of("192.0.2.1")),
                Map.of(
                    "kind", "locked-memory",
                    "message", "This process may lock 4,096 bytes",
                    "bytes", 4096L)));
  }
}
