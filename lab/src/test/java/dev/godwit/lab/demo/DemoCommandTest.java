package dev.godwit.lab.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.cli.GodwitProcess;
import dev.godwit.transport.testkit.Await;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

final class DemoCommandTest {

  @Test
  void aGuestArrivesWholeOverEachTransport() throws Exception {
    try (GodwitProcess demo = GodwitProcess.start("demo", "--json", "-q", "--ram", "32M")) {
      demo.expectExit(0);

      JsonNode document = demo.json();
      assertThat(document.path("command").asString()).isEqualTo("demo");
      assertThat(document.path("exit-code").asInt(-1)).isZero();
      List<String> completed =
          document
              .path("legs")
              .valueStream()
              .filter(leg -> leg.path("outcome").asString().equals("completed"))
              .map(DemoCommandTest::name)
              .toList();
      assertThat(completed)
          .contains(
              "exec 0", "file 0", "mem 0", "mem 2", "tcp 0", "tcp 2", "tls 0", "tls 2", "unix 0",
              "unix 2");
      for (JsonNode leg : document.path("legs")) {
        if (leg.path("outcome").asString().equals("completed")) {
          assertThat(leg.path("verified").asBoolean()).as("%s", leg).isTrue();
          assertThat(leg.path("records-checked").asLong()).as("%s", leg).isPositive();
          assertThat(leg.path("blackout-seconds").asDouble()).as("%s", leg).isPositive();
          assertThat(leg.path("wire-bytes").asLong()).as("%s", leg).isPositive();
          assertThat(leg.path("passes").asLong()).as("%s", leg).isPositive();
        } else {
          assertThat(leg.path("outcome").asString()).isEqualTo("unavailable");
          assertThat(leg.path("message").asString()).isNotBlank();
        }
      }
    }
  }

  private static String name(JsonNode leg) {
    return leg.path("scheme").asString() + " " + leg.path("multifd-channels").asInt(-1);
  }

  @Test
  void theTableHasALineForEachMigration() throws Exception {
    try (GodwitProcess demo = GodwitProcess.start("demo", "mem", "--ram", "16M")) {
      demo.expectExit(0);

      List<String> lines = demo.out().lines().toList();
      assertThat(lines).hasSize(3);
      assertThat(lines.getFirst()).startsWith("leg").endsWith("guest");
      assertThat(lines.get(1)).startsWith("  mem: plain ").endsWith(" verified");
      assertThat(lines.get(2)).startsWith("  mem: multifd 2 ").endsWith(" verified");
    }
  }

  @Test
  void whatMakesNoSenseIsRefused() throws Exception {
    expectUsage("--ram takes", "demo", "--ram", "1M");
    expectUsage("--ram takes", "demo", "--ram", "4097K");
    expectUsage("--channels takes", "demo", "--channels", "0");
    expectUsage("Unknown scheme 'carrier-pigeon:'", "demo", "carrier-pigeon");
  }

  private static void expectUsage(String part, String... arguments) throws Exception {
    try (GodwitProcess demo = GodwitProcess.start(arguments)) {
      demo.expectExit(2);
      assertThat(demo.log()).contains(part);
    }
  }

  @Test
  void aLegWhoseDestinationDiesFailsAndTheNextOneGoesOn() throws Exception {
    try (GodwitProcess demo = GodwitProcess.start("demo", "tcp", "--json", "--ram", "32M")) {
      Await.until("the demo has started its second process", () -> !demo.descendants().isEmpty());
      demo.descendants().forEach(ProcessHandle::destroyForcibly);

      demo.expectExit(1);
      JsonNode legs = demo.json().path("legs");
      assertThat(legs.path(0).path("outcome").asString()).as("%s", legs).isEqualTo("failed");
      assertThat(legs.path(0).path("message").asString()).as("%s", legs).isNotBlank();
      assertThat(legs.path(1).path("verified").asBoolean()).as("%s", legs).isTrue();
    }
  }

  @Test
  void anInterruptLeavesNothingBehind() throws Exception {
    try (GodwitProcess demo = GodwitProcess.start("demo", "exec", "unix", "--ram", "256M")) {
      Await.until("the demo has started its second process", () -> !demo.descendants().isEmpty());
      List<ProcessHandle> others = demo.descendants();
      demo.signal("INT");

      demo.expectExit(130);
      assertThat(others).noneMatch(ProcessHandle::isAlive);
    }
  }
}
