package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Availability;
import dev.godwit.transport.HostFact;
import dev.godwit.transport.Transport;
import dev.godwit.transport.Transports;
import java.util.List;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a host with a device tells of it, above the seam. */
@Tag("softroce")
final class TransportsOverRdmaTest {

  @Test
  void theDeviceItsPortAndItsAddressesAreTold() {
    Transport rdma = Transports.load().of("rdma");
    List<HostFact> facts = rdma.facts();

    assertThat(rdma.availability()).isEqualTo(Availability.available());
    HostFact port = facts.getFirst();
    assertThat(port.kind()).isEqualTo("port");
    assertThat(port.members())
        .containsEntry("device", "rxe0")
        .containsEntry("port", 1)
        .containsEntry("active", true)
        .containsEntry("link-layer", "ethernet")
        .containsEntry("interfaces", List.of("eth0"))
        .containsEntry("mtu-bytes", 4096)
        .containsKey("bytes-per-second");
    assertThat(port.members().get("gids"))
        .asInstanceOf(InstanceOfAssertFactories.list(String.class))
        .contains(System.getProperty("godwit.rdma.address"), "fd00::15");
    assertThat(port.sentence()).startsWith("rxe0 port 1 is active: Ethernet on eth0, ");
    assertThat(facts.getLast().members()).containsEntry("unlimited", true);
  }
}
