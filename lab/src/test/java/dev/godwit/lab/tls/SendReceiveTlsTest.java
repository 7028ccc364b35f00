package dev.godwit.lab.tls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.cli.Commands;
import dev.godwit.lab.cli.GodwitProcess;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.migration.TwoQemus;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;

/** {@code godwit send} and {@code godwit receive} where encryption is required: who is told. */
@Timeout(120)
final class SendReceiveTlsTest {
  @Test
  void bothReportsNameThePeerThatHasProvenItself() throws Exception {
    try (ScratchDirectory scratch = ScratchDirectory.make()) {
      TwoHosts hosts = TwoHosts.make(scratch.path());
      try (TwoQemus qemus =
              TwoQemus.start(
                  scratch.path(), QemuVersion.V10_0, QemuVersion.V10_0, "pc-i440fx-10.0");
          GodwitProcess receive =
              Commands.receive(
                  qemus,
                  "tls:127.0.0.1:0",
                  "--require-encryption",
                  "--tls-creds",
                  hosts.hostB().toString(),
                  "--tls-authz",
                  "CN=hosta",
                  "--set",
                  "multifd",
                  "--json");
          GodwitProcess send =
              Commands.send(
                  qemus,
                  "tls:" + receive.awaitListening().address(),
                  "--require-encryption",
                  "--tls-creds",
                  hosts.hostA().toString(),
                  "--tls-authz",
                  "CN=hostb",
                  "--set",
                  "multifd",
                  "--set",
                  "max-bandwidth=0")) {
        send.expectExit(0);
        receive.expectExit(0);

        assertThat(send.out().lines().filter(line -> line.contains("to x509 CN=hostb")))
            .as(send.out())
            .hasSize(3);
        JsonNode channels = receive.json().path("wire").path("channels");
        assertThat(channels.size()).isEqualTo(3);
        for (JsonNode channel : channels) {
          assertThat(channel.path("peer").asString()).isEqualTo("x509 CN=hosta");
          assertThat(channel.path("peer-identity").asString()).isEqualTo("x509 CN=hosta");
          assertThat(channel.path("onward-identity").asString()).startsWith("pid ");
          assertThat(channel.path("ended-without-notify").asBoolean(true)).isFalse();
        }
        qemus.expectGuestIntact();
      }
    }
  }
}
