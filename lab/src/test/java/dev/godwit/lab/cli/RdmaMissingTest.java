package dev.godwit.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** What a host that lacks something for {@code rdma:} says. */
final class RdmaMissingTest {
  private static final String NO_LIBRARY =
      "This host has no libibverbs.so.1: install rdma-core (Debian: apt-get install libibverbs1"
          + " librdmacm1 ibverbs-providers)";

  @TempDir private Path dir;
  private List<String> withoutLibrary = List.of();

  /** A file that is no library stands before the real one, if there is one. */
  @BeforeEach
  void hideTheLibrary() throws Exception {
    Files.createFile(dir.resolve("libibverbs.so.1"));
    withoutLibrary = List.of("env", "LD_LIBRARY_PATH=" + dir);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "proxy rdma:192.0.2.1:7700 unix:/nowhere/a",
        "proxy unix:/nowhere/a rdma:192.0.2.1:7700",
        "proxy unix:/nowhere/a rdma:192.0.2.1:7700?tls-creds=/nowhere",
        "send --qmp /nowhere/a rdma:192.0.2.1:7700",
        "receive --qmp /nowhere/a rdma://192.0.2.1:7700",
        "send --image /nowhere/a rdma:192.0.2.1:7700",
        "receive --image /nowhere/a rdma:192.0.2.1:7700",
        "inspect rdma:192.0.2.1:7700",
      })
  void withoutTheLibraryItIsOneSentenceAndTheCodeOfWhatAHostLacks(String line) throws Exception {
    try (GodwitProcess godwit = GodwitProcess.start(withoutLibrary, line.split(" "))) {
      godwit.expectExit(69);
      assertThat(godwit.err().lines())
          .containsExactly(
              "godwit " + line.split(" ")[0] + ": rdma: is not available here: " + NO_LIBRARY);
      assertThat(godwit.out()).isEmpty();
    }
  }

  /** What is asked for is refused first, whatever the host has. */
  @Test
  void whereEncryptionIsRequiredThatComesFirst() throws Exception {
    try (GodwitProcess godwit =
        GodwitProcess.start(
            withoutLibrary, "send", "--qmp", "/a", "--require-encryption", "rdma:hostb:7700")) {
      godwit.expectExit(3);
      assertThat(godwit.err().lines())
          .containsExactly(
              "godwit send: rdma:hostb:7700 carries guest memory in clear, and encryption is required"
                  + " here: use tls:hostb:7700, or rdma:hostb:7700?tls-creds=DIR, which sends through"
                  + " TLS what it would have placed");
    }
  }

  @Test
  void theListOfTransportsSaysSoAndGoesOn() throws Exception {
    try (GodwitProcess godwit = GodwitProcess.start(withoutLibrary, "transports")) {
      godwit.expectExit(0);
      assertThat(godwit.out().lines().map(String::strip))
          .contains("not here: " + NO_LIBRARY)
          .anyMatch(line -> line.startsWith("here: This process may lock "))
          .anyMatch(line -> line.startsWith("unix:"));
    }
  }

  @Test
  void theDemoLeavesItOutAndSaysWhyOnce() throws Exception {
    try (GodwitProcess demo =
        GodwitProcess.start(withoutLibrary, "demo", "rdma", "mem", "--ram", "16M")) {
      demo.expectExit(0);
      assertThat(demo.out().lines().filter(line -> line.endsWith("verified"))).hasSize(2);
      assertThat(demo.out().lines().filter(line -> line.contains("libibverbs")))
          .containsExactly("rdma: " + NO_LIBRARY);
    }
  }

  /** As this host is: whatever it lacks, the list and the commands say the same. */
  @Test
  void theListAndTheCommandsAgree() throws Exception {
    JsonNode rdma;
    try (GodwitProcess list = GodwitProcess.start("transports", "--json")) {
      list.expectExit(0);
      rdma = of(list.json(), "rdma").findFirst().orElseThrow();
    }
    assertThat(rdma.path("placement").asString()).isEqualTo("recorded");
    assertThat(rdma.path("protection").asString()).isEqualTo("none");
    assertThat(rdma.path("facts").valueStream().map(fact -> fact.path("kind").asString()))
        .contains("locked-memory");
    String cause = rdma.path("cause").asString();
    assertThat(cause.isEmpty()).isEqualTo(rdma.path("available").asBoolean());
    try (GodwitProcess send =
        GodwitProcess.start("send", "--qmp", "/nowhere/a", "rdma:192.0.2.1:7700")) {
      send.expectExit(cause.isEmpty() ? 14 : 69);
      assertThat(send.sentence()).contains(cause);
    }
  }

  private static Stream<JsonNode> of(JsonNode document, String scheme) {
    return document
        .path("transports")
        .valueStream()
        .filter(transport -> transport.path("scheme").asString().equals(scheme));
  }
}
