package dev.godwit.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.migration.engine.EngineParameter;
import dev.godwit.migration.qemu.MigrationCapability;
import dev.godwit.migration.qemu.MigrationParameter;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** What {@code godwit explain} tells. */
final class ExplainTest {
  private static String explained(String... arguments) throws Exception {
    String[] all = new String[arguments.length + 1];
    all[0] = "explain";
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    try (GodwitProcess explain = GodwitProcess.start(all)) {
      explain.expectExit(0);
      assertThat(explain.err()).isEmpty();
      return explain.out();
    }
  }

  @Test
  void aParameterIsToldWithUnitDefaultRangeAndVersions() throws Exception {
    assertThat(explained("downtime-limit"))
        .isEqualTo(
            """
            downtime-limit: The guest is paused for the last pass once that is expected to take no longer
              unit       ms
              default    300
              range      0 to 2000000
              versions   QEMU since 2.8, Godwit
              set at     the source
            """);
  }

  @Test
  void whatDiffersBetweenQemuAndGodwitIsTold() throws Exception {
    assertThat(explained("return-path")).contains("default    off in QEMU, on in Godwit\n");
    assertThat(explained("multifd-compression"))
        .contains("uadk (since 9.1); in Godwit none, zlib, zstd\n", "needs      multifd\n");
  }

  @Test
  void everySettingIsListedOnce() throws Exception {
    Set<String> names = new HashSet<>();
    Arrays.stream(EngineParameter.values()).forEach(p -> names.add(p.parameterName()));
    Arrays.stream(MigrationParameter.values()).forEach(p -> names.add(p.qemuName()));
    Arrays.stream(MigrationCapability.values()).forEach(c -> names.add(c.qemuName()));

    List<String> lines = explained().lines().toList();

    assertThat(lines.getFirst()).startsWith("parameter").contains("default", "unit", "versions");
    assertThat(lines.stream().skip(1).map(line -> line.strip().split(" ")[0]))
        .containsExactlyInAnyOrderElementsOf(names);
  }

  @Test
  void programsReadTheSame() throws Exception {
    try (GodwitProcess explain =
        GodwitProcess.start("explain", "x-godwit-peer-timeout", "--json")) {
      explain.expectExit(0);

      JsonNode document = explain.json();
      assertThat(document.path("schema").asString()).isEqualTo("godwit/1");
      assertThat(document.path("command").asString()).isEqualTo("explain");
      assertThat(document.path("parameters").size()).isEqualTo(1);
      JsonNode one = document.path("parameters").path(0);
      assertThat(one.path("name").asString()).isEqualTo("x-godwit-peer-timeout");
      assertThat(one.path("unit").asString()).isEqualTo("s");
      assertThat(one.path("godwit-default").asString()).isEqualTo("30");
      assertThat(one.path("godwit-range").asString()).isEqualTo("1 to 86400");
      assertThat(one.path("since").asString()).isEmpty();
      assertThat(one.path("default").asString()).isEmpty();
    }
  }

  @Test
  void anUnknownNameIsRefusedWithTheNearest() throws Exception {
    try (GodwitProcess explain = GodwitProcess.start("explain", "downtime-limt")) {
      explain.expectExit(2);
      assertThat(explain.sentence())
          .isEqualTo(
              "godwit explain: There is no parameter or capability 'downtime-limt'; the nearest is downtime-limit");
    }
    try (GodwitProcess explain = GodwitProcess.start("explain", "zero")) {
      explain.expectExit(2);
      assertThat(explain.sentence())
          .endsWith("near it are zero-blocks, zero-copy-send, zero-page-detection");
    }
  }
}
