package dev.godwit.lab.libvirt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.libvirt.TwoHosts.Host;
import dev.godwit.lab.libvirt.TwoHosts.Result;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/**
 * A running domain crosses two proxies by {@code virsh migrate} and a unix migration URI, as {@code
 * docs/libvirt.md} says. Two hosts and two proxies serve all tests here, so the proxies carry one
 * migration after another; each test has a guest of its own. QEMU 10.0, since a 7.2 source under
 * TCG loses dirty pages by itself (qemu-wire.md §10a).
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class VirshMigrateTest {
  /** It rewrites its working set more slowly than it migrates, so it sees pages of every pass. */
  private static final BootSector GUEST =
      BootSector.of(32, 16).dirtying(8).filled(BootSector.Fill.RANDOM);

  private static final int EXIT_TERMINATED = 143;

  /** The ways that libvirt offers, what comes of them, and who connects to the source's proxy. */
  enum Way {
    PLAIN(List.of(), List.of("main"), "uid 0"),
    PARALLEL(
        List.of("--parallel", "--parallel-connections", "4"),
        List.of("main", "multifd 0", "multifd 1", "multifd 2", "multifd 3"),
        "uid QEMU"),
    PEER_TO_PEER(List.of("--p2p"), List.of("main"), "uid 0");

    private final List<String> options;
    private final List<String> roles;
    private final String peer;

    Way(List<String> options, List<String> roles, String peer) {
      this.options = options;
      this.roles = roles;
      this.peer = peer;
    }
  }

  private ProxiedHosts scene;

  @BeforeAll
  void start() throws Exception {
    scene = ProxiedHosts.start(QemuBinary.require(QemuVersion.V10_0), GUEST);
  }

  /** Asked to end, everything ends in order and nothing stays but files. */
  @AfterAll
  void endAndFindNothingLeft() throws Exception {
    if (scene == null) {
      return; // it did not start
    }
    try (ProxiedHosts ending = scene) {
      Traces traces = ending.hosts().traces();
      assertThat(traces.processes()).as("processes while the hosts run").hasSizeGreaterThan(2);
      assertThat(traces.mounts()).as("mounts while the hosts run").isNotEmpty();
      assertThat(traces.sockets()).as("sockets while the proxies run").isNotEmpty();

      for (ProxyProcess proxy : List.of(ending.near(), ending.far())) {
        assertThat(proxy.terminate()).as("%s", proxy).isEqualTo(EXIT_TERMINATED);
      }
      assertThat(ending.hosts().socket(Host.A, ProxiedHosts.SOCKET)).doesNotExist();
      assertThat(ending.hosts().end()).isZero();

      assertThat(traces.processes()).as("processes").isEmpty();
      assertThat(traces.mounts()).as("mounts").isEmpty();
      assertThat(traces.sockets()).as("sockets").isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource
  void aRunningDomainCrossesTwoProxies(Way way) throws Exception {
    scene.boot();

    Result virsh = scene.hosts().migrate(ProxiedHosts.SOCKET, way.options);

    assertThat(virsh.status()).as("%s%n%s", virsh.output(), scene.logs()).isZero();
    expectMoved();
    assertThat(scene.hosts().socket(Host.B, ProxiedHosts.SOCKET))
        .as("QEMU's own socket")
        .doesNotExist();
    JsonNode sent = scene.near().report();
    JsonNode received = scene.far().report();
    for (JsonNode report : List.of(sent, received)) {
      assertThat(report.get("outcome").asString()).as("%s", report).isEqualTo("completed");
      assertThat(report.get("return-path").asBoolean()).isTrue();
      assertThat(channels(report, "role")).containsExactlyInAnyOrderElementsOf(way.roles);
    }
    assertThat(channels(sent, "peer"))
        .allSatisfy(
            peer ->
                assertThat(peer)
                    .endsWith(way.peer.replace("QEMU", scene.hosts().place("QEMU_ID"))));
    assertThat(sent.get("forward-bytes").asLong())
        .isEqualTo(received.get("forward-bytes").asLong())
        .isGreaterThan(GUEST.workingSetTo() - GUEST.workingSetFrom());
    assertThat(sent.get("backward-bytes").asLong())
        .isEqualTo(received.get("backward-bytes").asLong())
        .isPositive();
  }

  /** Half of the way is there: virsh must say so, and the guest must not notice. */
  @Test
  void withoutAProxyAtTheDestinationTheDomainRunsOnAndCrossesLater() throws Exception {
    try (Socket taken = new Socket()) {
      // Bound and not listening: nobody else can take the port, and it refuses.
      taken.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      String nobody = "tcp:127.0.0.1:" + taken.getLocalPort();
      try (ProxyProcess alone = scene.startAtSource("alone.sock", nobody)) {
        scene.boot();
        alone.listening();

        Result virsh = scene.hosts().migrate("alone.sock", List.of());

        assertThat(virsh.status()).as("%s", virsh.output()).isEqualTo(1);
        assertThat(virsh.output()).contains("operation failed: job 'migration out' failed: ");
        JsonNode report = alone.report();
        assertThat(report.get("outcome").asString()).isEqualTo("failed");
        assertThat(report.get("cause").asString())
            .isEqualTo("Could not connect ch=1/main onward: Nobody listens at " + nobody);
        assertThat(alone.terminate()).as("%s", alone).isEqualTo(EXIT_TERMINATED);
        assertThat(scene.hosts().socket(Host.A, "alone.sock")).doesNotExist();
      }
    }
    expectStayed();

    Result virsh = scene.hosts().migrate(ProxiedHosts.SOCKET, List.of());

    assertThat(virsh.status()).as("%s%n%s", virsh.output(), scene.logs()).isZero();
    expectMoved();
    assertThat(scene.near().report().get("outcome").asString()).isEqualTo("completed");
    assertThat(scene.far().report().get("outcome").asString()).isEqualTo("completed");
  }

  /** The same, with nobody at the source; the words are those of the manual. */
  @Test
  void withoutAProxyAtTheSourceTheDomainRunsOn() throws Exception {
    scene.boot();

    Result plain = scene.hosts().migrate("nobody.sock", List.of());
    Result parallel = scene.hosts().migrate("nobody.sock", Way.PARALLEL.options);

    assertThat(plain.status()).isEqualTo(1);
    assertThat(plain.output())
        .contains(
            "Failed to connect socket to '/run/godwit/nobody.sock': No such file or directory");
    assertThat(parallel.status()).isEqualTo(1);
    assertThat(parallel.output())
        .contains(
            "operation failed: job 'migration out' failed: Failed to connect to"
                + " '/run/godwit/nobody.sock': No such file or directory");
    expectStayed();
  }

  private void expectMoved() throws Exception {
    assertThat(scene.hosts().state(Host.A)).isEqualTo("shut off");
    assertThat(scene.hosts().state(Host.B)).isEqualTo("running");
    scene.hosts().expectGuestIntact();
    assertThat(scene.hosts().linesAt(Host.B)).as("ticks at the destination").isPositive();
  }

  private void expectStayed() throws Exception {
    assertThat(scene.hosts().state(Host.A)).isEqualTo("running");
    assertThat(scene.hosts().state(Host.B)).isEqualTo("absent");
    scene.hosts().expectGuestIntact();
    assertThat(scene.hosts().linesAt(Host.B)).as("ticks at the destination").isZero();
  }

  private static List<String> channels(JsonNode report, String member) {
    return StreamSupport.stream(report.get("channels").spliterator(), false)
        .map(channel -> channel.get(member).asString())
        .toList();
  }
}
