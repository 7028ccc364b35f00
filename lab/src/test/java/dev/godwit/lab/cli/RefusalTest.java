package dev.godwit.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.Qemu;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.guest.SerialTicks;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.migration.qemu.QemuSettings;
import dev.godwit.migration.qemu.RunStatus;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/**
 * What is refused before anything was begun: one sentence, its exit code, and the same QEMUs,
 * running and set up as they were, after all of it.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class RefusalTest {
  private static final BootSector GUEST = BootSector.of(16, 4);

  private final Map<QemuVersion, Qemu> sources = new EnumMap<>(QemuVersion.class);
  private final Map<QemuVersion, QemuMonitor> monitors = new EnumMap<>(QemuVersion.class);
  private final Map<QemuVersion, QemuSettings> before = new EnumMap<>(QemuVersion.class);

  @BeforeAll
  void startSources(@TempDir Path shared) throws Exception {
    for (QemuVersion version : QemuVersion.values()) {
      Qemu source =
          Qemu.start(
              QemuBinary.require(version), QemuMachine.of(GUEST), shared.resolve(version.number()));
      sources.put(version, source);
      QemuMonitor monitor = QemuMonitor.connect(source.observer(), TwoQemus.soon());
      monitors.put(version, monitor);
      before.put(version, monitor.settings(TwoQemus.soon()));
    }
  }

  /** All that was refused has left no trace. */
  @AfterAll
  void sourcesAreAsTheyWere() throws Exception {
    try {
      for (Map.Entry<QemuVersion, QemuMonitor> source : monitors.entrySet()) {
        QemuMonitor monitor = source.getValue();
        assertThat(monitor.settings(TwoQemus.soon())).isEqualTo(before.get(source.getKey()));
        assertThat(monitor.status(TwoQemus.soon()).state()).isEqualTo(RunStatus.State.RUNNING);
        Path log = source(source.getKey()).serialLog();
        long more = SerialTicks.read(log).last() + GUEST.ticksToCheckAll();
        assertThat(SerialTicks.await(more, TwoQemus.PATIENCE, log).finding()).isEmpty();
      }
    } finally {
      monitors.values().forEach(QemuMonitor::close);
      for (Qemu source : sources.values()) {
        source.close();
      }
    }
  }

  // What the command line itself says.

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "proxy foo:bar tcp:127.0.0.1:1 | Unknown scheme 'foo:', this Godwit has ",
        "proxy tcp:0 tcp:127.0.0.1:1 | tcp:",
        "proxy tcp:127.0.0.1:70000 tcp:127.0.0.1:1 | 70000",
        "proxy nothing tcp:127.0.0.1:1 | nothing",
        "proxy tcp:127.0.0.1:0 tcp:127.0.0.1:1?colour=red | Unknown setting 'colour' for tcp:, known are",
        "proxy tcp:127.0.0.1:0 tcp:127.0.0.1:1?fault=sometimes | Setting fault must be",
        "proxy tcp:127.0.0.1:0 | TARGET",
        "send tcp:127.0.0.1:1 | --qmp",
        "receive tcp:127.0.0.1:1 | --image",
        "send --qmp /nowhere --image vm.img tcp:127.0.0.1:1 | mutually exclusive",
        "send --qmp /nowhere --max-ram 1G tcp:127.0.0.1:1 | --max-ram is for --image alone",
        "send --image vm.img tcp:127.0.0.1:1 --postcopy | --postcopy is for a running guest",
        "send --image vm.img tcp:127.0.0.1:1 --set xbzrle-cache-size=1M | no meaning for a guest at rest",
        "send --image vm.img tcp:127.0.0.1:1 --set multifd-channels=4 | no effect without multifd",
        "receive --image /tmp/vm.img --format qcow2 tcp:127.0.0.1:1 | --format takes",
        "send --qmp /nowhere tcp:127.0.0.1:1 --set multifd-chanels=2 | multifd-channels",
        "send --qmp /nowhere tcp:127.0.0.1:1 --set multifd=perhaps | multifd",
        "send --qmp /nowhere tcp:127.0.0.1:1 --set multifd-channels=many | multifd-channels",
        "receive --qmp /nowhere foo:bar | Unknown scheme 'foo:'",
        "send --qmp /nowhere --tls-creds /d tcp:127.0.0.1:1 | --tls-creds has no effect, since no URI here uses TLS",
        "proxy --tls-authz CN=a tcp:127.0.0.1:0 unix:/a | --tls-authz has no effect",
        "proxy --verify-peer maybe --tls-creds /d tcp:127.0.0.1:0 tls:127.0.0.1:1 | Setting verify-peer must be on or off",
        "proxy tcp:127.0.0.1:0 tls:127.0.0.1:1 | TLS needs credentials, as in tls-creds=/etc/pki/qemu",
        "send --qmp /nowhere --tls-creds /nowhere tls:127.0.0.1:1 | /nowhere",
        "send --qmp /nowhere --tls-creds /nowhere/b tls:127.0.0.1:1?tls-creds=/nowhere/c | /nowhere/c",
        "proxy --tls-creds /nowhere/b unix:/nowhere/a tcp:127.0.0.1:1?tls | /nowhere/b",
        "elsewhere | elsewhere",
      })
  void aCommandLineThatMakesNoSense(String line, String named) throws Exception {
    try (GodwitProcess godwit = GodwitProcess.start(line.split(" "))) {
      godwit.expectExit(2);
      assertThat(godwit.err().lines().findFirst().orElse("")).startsWith("godwit").contains(named);
      assertThat(godwit.out()).isEmpty();
    }
  }

  // What the policy says.

  /** Nothing was opened: there is no monitor, no file and no listener, and nobody is told so. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "proxy unix:/nowhere/a tcp:127.0.0.1:1 | tcp:127.0.0.1:1 | use tls:127.0.0.1:1, or tcp:127.0.0.1:1?tls-creds=DIR",
        "proxy tcp:0:7700 unix:/nowhere/a | tcp:0:7700 | use tls:0:7700, or tcp:0:7700?tls-creds=DIR",
        "proxy tcp://127.0.0.1:7 tls:a:1 | tcp:127.0.0.1:7 | use tls:127.0.0.1:7, or ",
        "send --qmp /nowhere/a tcp:127.0.0.1:1?tap=/nowhere/b | tcp:127.0.0.1:1?tap=/nowhere/b | use tls:",
        "send --image /nowhere/a --tls-creds /nowhere/b tcp:a:1 | tcp:a:1 | use tls:a:1, or ",
        "receive --qmp /nowhere/a tcp:127.0.0.1:0 | tcp:127.0.0.1:0 | use tls:127.0.0.1:0, or ",
        "send --image /nowhere/a exec:cat | exec:cat | use exec:cat?tls-creds=DIR",
        "receive --image /nowhere/a fd:3 | fd:3 | use fd:3?tls-creds=DIR",
        "receive --image /nowhere/a tcp:127.0.0.1:0 | tcp:127.0.0.1:0 | use tls:127.0.0.1:0, or ",
        "proxy unix:/nowhere/a rdma:hostb:7700?pin-all=on | rdma:hostb:7700?pin-all=on | use tls:hostb:7700, or rdma:hostb:7700?tls-creds=DIR, ",
      })
  void whatWouldGoInClearWhereEncryptionIsRequired(String line, String uri, String wayOut)
      throws Exception {
    refused(
        3,
        uri
            + (uri.matches("(tcp|rdma):.*") ? " carries" : " may carry")
            + " guest memory in clear, and encryption is required here: "
            + wayOut,
        (line + " --require-encryption").split(" "));
  }

  /** They get past the policy, to what is wrong with each. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "14 | send --qmp /nowhere/a unix:/nowhere/b",
        "14 | send --qmp /nowhere/a file:/nowhere/b",
        "14 | receive --qmp /nowhere/a mem:b",
        "2 | send --qmp /nowhere/a tls:127.0.0.1:1 --tls-creds /nowhere/b",
        "2 | send --qmp /nowhere/a tcp:127.0.0.1:1?tls-creds=/nowhere/b",
        "2 | send --qmp /nowhere/a tcp:127.0.0.1:1?tap=/nowhere/b&tls --tls-creds /nowhere/b",
      })
  void whatStaysHereOrIsEncryptedIsLetThrough(int code, String line) throws Exception {
    refused(code, "nowhere", (line + " --require-encryption").split(" "));
  }

  @Test
  void aPortInUse() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        Qemu destination = destination(QemuVersion.V10_0, "d")) {
      String uri = "tcp:127.0.0.1:" + taken.getLocalPort();
      refused(14, uri, "proxy", uri, "tcp:127.0.0.1:1");
      refused(14, uri, "receive", "--qmp", destination.qmp().toString(), uri);
      try (QemuMonitor monitor = QemuMonitor.connect(destination.observer(), TwoQemus.soon())) {
        assertThat(monitor.queryMigrate(TwoQemus.soon()).listening()).isEmpty();
      }
    }
  }

  // What QEMU is, or is not.

  @Test
  void noMonitorThere() throws Exception {
    Path nowhere = dir.resolve("nowhere.sock");
    refused(14, nowhere.toString(), "send", "--qmp", nowhere.toString(), "tcp:127.0.0.1:1");
    refused(14, nowhere.toString(), "receive", "--qmp", nowhere.toString(), "tcp:127.0.0.1:0");
  }

  @Test
  void somethingElseAtTheMonitorsSocket() throws Exception {
    Path socket = dir.resolve("http.sock");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      Thread.ofVirtual().start(() -> answer(server, "HTTP/1.1 400 Bad Request\r\n\r\n"));
      refused(16, socket.toString(), "send", "--qmp", socket.toString(), "tcp:127.0.0.1:1");
    }
  }

  @Test
  void somethingSilentAtTheMonitorsSocket() throws Exception {
    Path socket = dir.resolve("silent.sock");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      refused(14, socket.toString(), "send", "--qmp", socket.toString(), "tcp:127.0.0.1:1");
    }
  }

  private Qemu source(QemuVersion version) {
    return Objects.requireNonNull(sources.get(version));
  }

  private QemuMonitor monitor(QemuVersion version) {
    return Objects.requireNonNull(monitors.get(version));
  }

  /** Root without its capabilities, or any user, before a directory that lets nobody in. */
  @Test
  void noPermission() throws Exception {
    Path closed = Files.createDirectory(dir.resolve("closed"));
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("---------"));
    List<String> behind =
        "root".equals(System.getProperty("user.name"))
            ? List.of("setpriv", "--bounding-set=-all", "--inh-caps=-all")
            : List.of();
    String socket = closed.resolve("a.sock").toString();
    try {
      refused(behind, 14, "permission", "send", "--qmp", socket, "tcp:127.0.0.1:1");
      refused(behind, 14, "may not", "proxy", "unix:" + socket, "tcp:127.0.0.1:1");
    } finally {
      Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("rwx------"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aQemuThatIsNoDestination(QemuVersion version) throws Exception {
    String qmp = source(version).qmp().toString();
    refused(3, "-incoming defer", "receive", "--qmp", qmp, "tcp:127.0.0.1:0");
  }

  @Test
  void aDestinationThatListensAlready() throws Exception {
    try (Qemu destination = destination(QemuVersion.V10_0, "d")) {
      try (QemuMonitor monitor = QemuMonitor.connect(destination.observer(), TwoQemus.soon())) {
        monitor.migrateIncoming("unix:" + dir.resolve("in.sock"), TwoQemus.soon());
      }
      String qmp = destination.qmp().toString();
      refused(3, "listens for a migration already", "receive", "--qmp", qmp, "tcp:127.0.0.1:0");
      refused(3, "has no guest to send", "send", "--qmp", qmp, "tcp:127.0.0.1:1");
    }
  }

  @ParameterizedTest
  @EnumSource
  void aGuestThatHasMigratedAway(QemuVersion version) throws Exception {
    try (Qemu gone =
        Qemu.start(QemuBinary.require(version), QemuMachine.of(GUEST), dir.resolve("s"))) {
      SerialTicks.await(1, TwoQemus.PATIENCE, gone.serialLog());
      try (QemuMonitor monitor = QemuMonitor.connect(gone.observer(), TwoQemus.soon())) {
        monitor.migrate("exec:cat >/dev/null", TwoQemus.soon());
        monitor.awaitMigration(
            s -> s.isFinal(),
            TwoQemus.PATIENCE,
            dev.godwit.transport.Deadline.after(TwoQemus.PATIENCE));
        String qmp = gone.qmp().toString();
        refused(3, "migrated away already", "send", "--qmp", qmp, "tcp:127.0.0.1:1");
        assertThat(monitor.status(TwoQemus.soon()).state()).isEqualTo(RunStatus.State.POSTMIGRATE);
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "V7_2 | mapped-ram | 7.2",
        "V10_0 | compress | 10.0",
        "V10_0 | multifd postcopy-ram | multifd",
        "V10_0 | multifd xbzrle | xbzrle",
        "V7_2 | postcopy-preempt | postcopy-ram",
        "V10_0 | switchover-ack return-path=off | return-path",
      })
  void settingsThatThisQemuCannotHave(QemuVersion version, String settings, String named)
      throws Exception {
    List<String> line =
        new ArrayList<>(
            List.of("send", "--qmp", source(version).qmp().toString(), "tcp:127.0.0.1:1"));
    for (String setting : settings.split(" ")) {
      line.addAll(List.of("--set", setting));
    }
    refused(3, named, line.toArray(String[]::new));
  }

  /** Begun, and failed at once: the guest runs on, and QEMU is set up as it was. */
  @ParameterizedTest
  @EnumSource
  void aTargetThatNobodyServes(QemuVersion version) throws Exception {
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String uri = "tcp:127.0.0.1:" + free.getLocalPort();
      free.close();
      String qmp = source(version).qmp().toString();
      try (GodwitProcess send =
          GodwitProcess.start(
              "send", "--qmp", qmp, uri, "--set", "multifd", "--set", "multifd-channels=3")) {
        send.expectExit(14);
        assertThat(send.sentence())
            .startsWith("godwit send: ")
            .contains(uri)
            .endsWith("; the VM runs on at the source");
      }
    }
    assertThat(monitor(version).settings(TwoQemus.soon())).isEqualTo(before.get(version));
  }

  @TempDir private Path dir;

  private Qemu destination(QemuVersion version, String name) throws Exception {
    return Qemu.start(
        QemuBinary.require(version), QemuMachine.of(GUEST).incoming(), dir.resolve(name));
  }

  @ParameterizedTest
  @CsvSource({
    "3,-incoming defer,receive --json --qmp SOCKET tcp:127.0.0.1:0",
    "2,multifd-channels,send --qmp SOCKET tcp:127.0.0.1:1 --set multifd-channels=many --json",
    "2,Missing required,send --json"
  })
  void aProgramReadsARefusalAsADocument(int code, String named, String line) throws Exception {
    String socket = source(QemuVersion.V10_0).qmp().toString();
    try (GodwitProcess godwit = GodwitProcess.start(line.replace("SOCKET", socket).split(" "))) {
      godwit.expectExit(code);
      JsonNode document = godwit.json();
      assertThat(document.path("command").asString()).isEqualTo(line.split(" ")[0]);
      assertThat(document.path("outcome").asString()).isEqualTo("refused");
      assertThat(document.path("message").asString()).contains(named);
      assertThat(document.path("exit-code").asInt()).isEqualTo(code);
    }
  }

  private static void refused(int code, String named, String... line) throws Exception {
    refused(List.of(), code, named, line);
  }

  private static void refused(List<String> behind, int code, String named, String... line)
      throws Exception {
    try (GodwitProcess godwit = GodwitProcess.start(behind, line)) {
      godwit.expectExit(code);
      assertThat(godwit.err().lines()).as(godwit.log()).hasSize(1);
      assertThat(godwit.sentence())
          .startsWith("godwit " + line[0] + ": ")
          .containsIgnoringCase(named);
      assertThat(godwit.out()).isEmpty();
    }
  }

  private static void answer(ServerSocketChannel server, String text) {
    try (SocketChannel peer = server.accept()) {
      peer.write(ByteBuffer.wrap(text.getBytes(java.nio.charset.StandardCharsets.US_ASCII)));
      ByteBuffer rest = ByteBuffer.allocate(1024);
      while (peer.read(rest.clear()) >= 0) {
        // Whatever it says, until it goes away.
        rest.clear();
      }
    } catch (IOException e) {
      // The test has ended.
    }
  }
}
