package dev.godwit.lab.tls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.cli.GodwitProcess;
import dev.godwit.transport.tls.credentials.TestCredentials;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

final class TlsCommandTest {
  @TempDir Path root = Path.of("");

  @Test
  void severalHostsHaveADirectoryEachThatTheTableShows() throws Exception {
    Path directory = root.resolve("pki");
    try (GodwitProcess init = init(directory, "--hosts", "hosta=192.0.2.1,hostb")) {
      init.expectExit(0);

      assertThat(init.out().lines())
          .containsExactly(
              directory.resolve("hosta") + " is for hosta, 192.0.2.1",
              directory.resolve("hostb") + " is for hostb");
      assertThat(init.err()).contains("ca-key.pem can make further certificates");
    }
    try (GodwitProcess show = GodwitProcess.start("tls", "show", directory.toString())) {
      show.expectExit(0);

      List<String> lines = show.out().lines().toList();
      assertThat(lines.getFirst()).startsWith("file").endsWith("days left");
      assertThat(lines).hasSize(1 + 1 + 2 * 3);
      assertThat(lines.get(1)).matches("  ca-cert.pem +CN=Godwit migration CA .* +4,014");
      assertThat(lines.get(4))
          .matches("  hosta/server-cert.pem +CN=hosta +hosta, 192.0.2.1 +2.* +364");
    }
  }

  @Test
  void nothingIsWrittenOver() throws Exception {
    try (GodwitProcess first = init(root, "--hosts", "hosta")) {
      first.expectExit(0);
    }
    byte[] before = Files.readAllBytes(root.resolve("server-key.pem"));
    try (GodwitProcess second = init(root.resolve("."), "--hosts", "hosta,hostb", "--json")) {
      second.expectExit(0);
    }
    try (GodwitProcess third = init(root, "--hosts", "hostb")) {
      third.expectExit(3);

      assertThat(third.err()).contains("server-cert.pem is there already and is not written over");
    }
    assertThat(root.resolve("server-key.pem")).hasBinaryContent(before);
  }

  @Test
  void whatHasExpiredOrCannotBeUsedIsToldWithAnExitCode() throws Exception {
    TestCredentials authority = TestCredentials.in(root);
    authority.expired("old");
    Path open = authority.host("open");
    Files.setPosixFilePermissions(
        open.resolve("server-key.pem"), PosixFilePermissions.fromString("rw-r--r--"));
    try (GodwitProcess show = GodwitProcess.start("tls", "show", root.toString())) {
      show.expectExit(3);

      assertThat(show.out().lines())
          .anyMatch(l -> l.matches("  old/server-cert.pem .* -10 +EXPIRED|.* -11 +EXPIRED"))
          .anyMatch(l -> l.matches("  open/server-cert.pem .* 0 +UNUSABLE"))
          .anyMatch(l -> l.matches("  open/client-cert.pem .* 0 +SOON"))
          .anyMatch(l -> l.endsWith("chmod 600 " + open.resolve("server-key.pem")));
    }
    try (GodwitProcess show = GodwitProcess.start("tls", "show", "--json", root.toString())) {
      show.expectExit(3);

      JsonNode document = show.json();
      assertThat(document.path("command").asString()).isEqualTo("tls show");
      assertThat(document.path("exit-code").asInt()).isEqualTo(3);
      assertThat(document.path("files").valueStream().map(f -> f.path("state").asString()))
          .contains("expired", "unusable", "soon");
    }
  }

  @Test
  void keysAreMadeAndNeverShown() throws Exception {
    try (GodwitProcess init = init(root, "--psk", "qemu,alice")) {
      init.expectExit(0);
      assertThat(init.out().strip()).endsWith("keys.psk has keys of qemu, alice");
    }
    String text = Files.readString(root.resolve("keys.psk"), StandardCharsets.US_ASCII);
    try (GodwitProcess show = GodwitProcess.start("tls", "show", "--json", root.toString())) {
      show.expectExit(0);

      assertThat(show.json().path("files").valueStream().map(f -> f.path("subject").asString()))
          .containsExactly("qemu", "alice");
      for (String line : text.lines().toList()) {
        assertThat(show.out() + show.err()).doesNotContain(line.substring(line.indexOf(':') + 1));
      }
    }
  }

  @Test
  void whatMakesNoSenseIsSaidInASentence() throws Exception {
    try (GodwitProcess neither = init(root)) {
      neither.expectExit(2);
      assertThat(neither.err()).contains("Say either --hosts, for certificates, or --psk");
    }
    try (GodwitProcess wrong = init(root, "--hosts", "../etc")) {
      wrong.expectExit(2);
      assertThat(wrong.err()).contains("A host is a DNS name or an address");
    }
    try (GodwitProcess empty = GodwitProcess.start("tls", "show", root.toString())) {
      empty.expectExit(3);
      assertThat(empty.err()).contains("has no credentials");
    }
  }

  private static GodwitProcess init(Path directory, String... arguments) throws Exception {
    String[] all = new String[arguments.length + 3];
    all[0] = "tls";
    all[1] = "init";
    all[2] = directory.toString();
    System.arraycopy(arguments, 0, all, 3, arguments.length);
    return GodwitProcess.start(all);
  }
}
