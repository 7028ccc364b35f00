package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.HostFact;
import dev.godwit.transport.rdma.verbs.Device;
import dev.godwit.transport.rdma.verbs.Port;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On trees of files as the kernel shows them. */
final class RdmaFactsTest {
  private static final String UNSET = "0000:0000:0000:0000:0000:0000:0000:0000\n";

  @TempDir Path root;

  private void write(String file, String text) throws IOException {
    Path path = root.resolve("sys/class/infiniband").resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  private void port(String port, String state, String linkLayer, String rate) throws IOException {
    write(port + "/state", state + "\n");
    write(port + "/link_layer", linkLayer + "\n");
    write(port + "/rate", rate + "\n");
  }

  private List<HostFact> facts(Device... opened) {
    return new RdmaFacts(root, List.of(opened), Long.MAX_VALUE).all();
  }

  private static Device opened(String name, int number, int mtuBytes) {
    Port port = new Port(number, 4, mtuBytes, 1 << 20, Port.LinkLayer.ETHERNET, List.of());
    return new Device(name, 1, 1, 1, 1, 1, 1, List.of(port));
  }

  @Test
  void aPortOverEthernetTellsItsInterfaceAndAddresses() throws IOException {
    port("rxe0/ports/1", "4: ACTIVE", "Ethernet", "2.5 Gb/sec (1X SDR)");
    write("rxe0/ports/1/gids/0", "fe80:0000:0000:0000:5054:00ff:fe12:3456\n");
    write("rxe0/ports/1/gids/1", "0000:0000:0000:0000:0000:ffff:0a00:020f\n");
    write("rxe0/ports/1/gids/2", UNSET);
    write("rxe0/ports/1/gids/10", "fd00:0000:0000:0000:0000:0000:0000:0015\n");
    write("rxe0/ports/1/gids/11", "0000:0000:0000:0000:0000:ffff:0a00:020f\n");
    write("rxe0/ports/1/gid_attrs/ndevs/0", "eth0\n");
    write("rxe0/ports/1/gid_attrs/ndevs/1", "eth0\n");

    HostFact port = facts(opened("rxe0", 1, 4096)).getFirst();

    assertThat(port.kind()).isEqualTo("port");
    assertThat(port.sentence())
        .isEqualTo(
            "rxe0 port 1 is active: Ethernet on eth0, 2.5 Gb/sec (1X SDR), MTU 4096, GIDs fe80::5054:ff:fe12:3456 10.0.2.15 fd00::15");
    assertThat(port.members())
        .containsEntry("device", "rxe0")
        .containsEntry("port", 1)
        .containsEntry("state", "active")
        .containsEntry("active", true)
        .containsEntry("link-layer", "ethernet")
        .containsEntry("interfaces", List.of("eth0"))
        .containsEntry("bytes-per-second", 312_500_000L)
        .containsEntry("mtu-bytes", 4096)
        .containsEntry("gids", List.of("fe80::5054:ff:fe12:3456", "10.0.2.15", "fd00::15"));
  }

  /** As an ordinary user sees it, without its interface's consent. */
  @Test
  void aPortThatCannotBeOpenedIsToldAllTheSame() throws IOException {
    port("mlx5_0/ports/1", "1: DOWN", "InfiniBand", "100 Gb/sec (4X EDR)");
    write("mlx5_0/ports/1/gids/0", "fe80:0000:0000:0000:b859:9f03:00d0:1234\n");

    HostFact port = facts(opened("rxe0", 1, 1024)).getFirst();

    assertThat(port.sentence())
        .isEqualTo(
            "mlx5_0 port 1 is down: InfiniBand, 100 Gb/sec (4X EDR), GIDs fe80::b859:9f03:d0:1234");
    assertThat(port.members())
        .containsEntry("active", false)
        .containsEntry("bytes-per-second", 12_500_000_000L)
        .containsEntry("interfaces", List.of())
        .doesNotContainKey("mtu-bytes");
  }

  @Test
  void portsComeInTheOrderOfTheirNumbers() throws IOException {
    for (String port : List.of("10", "2", "1")) {
      port("a/ports/" + port, "4: ACTIVE", "Ethernet", "");
    }

    assertThat(facts())
        .filteredOn(fact -> fact.kind().equals("port"))
        .extracting(HostFact::sentence)
        .containsExactly(
            "a port 1 is active: Ethernet, no GID",
            "a port 2 is active: Ethernet, no GID",
            "a port 10 is active: Ethernet, no GID");
  }

  @Test
  void whateverTheFilesSayIsNoFailure() throws IOException {
    port("a/ports/1", "", "", "fast");
    write("a/ports/1/gids/0", "no GID at all\n");
    write("a/ports/1/gids/1", "::1::2\n");
    write("b/ports", "no folder\n");

    assertThat(facts())
        .first()
        .satisfies(port -> assertThat(port.sentence()).startsWith("a port 1"));
  }

  @Test
  void theLimitOfLockedMemoryIsToldWithWhatRaisesIt() {
    assertThat(new RdmaFacts(root, List.of(), 8 << 20).all())
        .singleElement()
        .satisfies(
            limit -> {
              assertThat(limit.kind()).isEqualTo("locked-memory");
              assertThat(limit.sentence())
                  .contains("8,388,608 bytes", "ulimit -l unlimited", "LimitMEMLOCK=infinity");
              assertThat(limit.members())
                  .containsEntry("bytes", 8L << 20)
                  .containsEntry("unlimited", false);
            });
    assertThat(facts()).singleElement().matches(limit -> limit.sentence().contains("as it likes"));
  }

  @Test
  void hugePagesThatAreSetAsideAreTold() throws IOException {
    Path all = root.resolve("sys/kernel/mm/hugepages");
    for (String each : List.of("hugepages-2048kB 1024 1000", "hugepages-1048576kB 0 0")) {
      String[] words = each.split(" ");
      Path directory = Files.createDirectories(all.resolve(words[0]));
      Files.writeString(directory.resolve("nr_hugepages"), words[1] + "\n");
      Files.writeString(directory.resolve("free_hugepages"), words[2] + "\n");
    }

    List<HostFact> huge =
        facts().stream().filter(fact -> fact.kind().equals("huge-pages")).toList();

    assertThat(huge).hasSize(1);
    assertThat(huge.getFirst().sentence())
        .startsWith("1,024 huge pages of 2 MiB are set aside, 1,000 of them free");
    assertThat(huge.getFirst().members())
        .containsEntry("page-bytes", 2L << 20)
        .containsEntry("pages", 1024)
        .containsEntry("free", 1000);
  }
}
