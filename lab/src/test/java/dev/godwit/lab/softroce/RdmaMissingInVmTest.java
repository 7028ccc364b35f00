package dev.godwit.lab.softroce;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.cli.GodwitProgram;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.testkit.Await;
import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A VM from which one thing after the other is taken that {@code rdma:} needs; its own, so that no
 * other test misses them.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class RdmaMissingInVmTest {
  private static final Duration PATIENCE = Duration.ofSeconds(4 * Await.LIMIT.toSeconds());

  /** Keeps the user, who may read the class path, and takes what makes limits and modes void. */
  private static final String UNPRIVILEGED = "setpriv --bounding-set=-all --inh-caps=-all";

  private SoftRoceVm vm;

  @BeforeAll
  void start() throws Exception {
    vm = SoftRoceVm.start(VmOptions.standard().withMemory(1024));
  }

  @AfterAll
  void end() throws IOException {
    vm.close();
  }

  private Ran godwit(String before, String arguments) throws Exception {
    String java = String.join(" ", GodwitProgram.command(64));
    GuestOutput out = new GuestOutput();
    GuestOutput err = new GuestOutput();
    int status =
        vm.run(
            GuestCommand.shell(before + " " + java + " " + arguments),
            out,
            err,
            Deadline.after(PATIENCE));
    return new Ran(status, out.text(), err.text());
  }

  private void expectUnavailable(String before, String... parts) throws Exception {
    Ran ran = godwit(before, "proxy unix:/nowhere/a rdma:" + vm.address() + ":7700");

    assertThat(ran.status()).as("%s", ran).isEqualTo(69);
    assertThat(ran.err().lines())
        .singleElement()
        .asString()
        .startsWith("godwit proxy: rdma: is not available here: ")
        .contains(parts)
        .matches(".*[^.]");
    assertThat(ran.out()).isEmpty();
  }

  @Test
  @Order(1)
  void whoeverHasNoPrivilegeSeesThePortAndTheLimit() throws Exception {
    Ran ran = godwit("ulimit -l 64; " + UNPRIVILEGED, "transports --json");

    assertThat(ran.status()).as("%s", ran).isZero();
    JsonNode facts =
        JsonMapper.shared()
            .readTree(ran.out())
            .path("transports")
            .valueStream()
            .filter(transport -> transport.path("scheme").asString().equals("rdma"))
            .findFirst()
            .orElseThrow()
            .path("facts");
    JsonNode port = facts.path(0);
    assertThat(port.path("device").asString()).as("%s", facts).isEqualTo("rxe0");
    assertThat(port.path("state").asString()).isEqualTo("active");
    JsonNode limit = facts.path(1);
    assertThat(limit.path("kind").asString()).isEqualTo("locked-memory");
    assertThat(limit.path("bytes").asLong()).isEqualTo(64 << 10);
    assertThat(limit.path("message").asString()).contains("ulimit -l unlimited");
  }

  @Test
  @Order(2)
  void aUserWhoMayNotOpenTheDevice() throws Exception {
    expectUnavailable(
        "chmod 000 /dev/infiniband/uverbs0; " + UNPRIVILEGED,
        "This user may not read and write /dev/infiniband/uverbs",
        "udev");
  }

  @Test
  @Order(3)
  void aPortThatIsDown() throws Exception {
    expectUnavailable(
        "ip link set eth0 down; until grep -q DOWN /sys/class/infiniband/rxe0/ports/1/state; do sleep 0.1; done;",
        "No port of an RDMA device is active (rxe0 port 1 is down)",
        "plug in the cable");
  }

  @Test
  @Order(4)
  void noDeviceAtAll() throws Exception {
    expectUnavailable(
        "rdma link delete rxe0;",
        "This host has no RDMA device",
        "rdma link add rxe0 type rxe netdev INTERFACE");
  }
}
