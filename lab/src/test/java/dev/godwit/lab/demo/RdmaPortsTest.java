package dev.godwit.lab.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.HostFact;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class RdmaPortsTest {

  private static HostFact port(boolean active, String... gids) {
    return new HostFact("port", "It is", Map.of("active", active, "gids", List.of(gids)));
  }

  @Test
  void itIsTheFirstIpv4AddressOfAnActivePort() {
    var limit = new HostFact("locked-memory", "It is", Map.of("bytes", 1L));

    assertThat(
            RdmaPorts.firstAddress(
                List.of(
                    port(false, "192.0.2.1"),
                    port(true, "fe80::1"),
                    limit,
                    port(true, "fe80::2", "192.0.2.2", "192.0.2.3"))))
        .contains("192.0.2.2");
    assertThat(RdmaPorts.firstAddress(List.of(port(true, "fe80::1"), limit))).isEmpty();
    assertThat(RdmaPorts.firstAddress(List.of())).isEmpty();
  }
}
