package dev.godwit.lab.tls;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.cli.GodwitProcess;
import dev.godwit.lab.guest.BootSector;
import dev.godwit.lab.guest.Qemu;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.guest.SerialTicks;
import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.migration.qemu.RunStatus;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.tls.credentials.CredentialsMaker;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Who is not who he must be is refused by name before the first byte of memory, by {@code godwit
 * proxy} that waits and by {@code godwit send} that dials, and the guest runs on at its source.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(120)
final class TlsRefusalTest {
  private static final BootSector GUEST = BootSector.of(16, 4);

  /** What QEMU looks at itself, so that it shows bad certificates to others. */
  private static final String UNCHECKED = ",sanity-check=off";

  private Optional<ScratchDirectory> scratch = Optional.empty();
  private Path directory = Path.of("");
  private Path hostA = Path.of("");
  private Path elsewhere = Path.of("");
  private Path stranger = Path.of("");
  private Path keys = Path.of("");
  private Path otherKeys = Path.of("");
  private Optional<Qemu> qemu = Optional.empty();
  private Optional<GodwitProcess> certificates = Optional.empty();
  private Optional<GodwitProcess> preShared = Optional.empty();

  /** One source, and two proxies that wait: for certificates, and for pre-shared keys. */
  @BeforeAll
  void start() throws Exception {
    ScratchDirectory made = ScratchDirectory.make();
    scratch = Optional.of(made);
    directory = made.path();
    OpenSslAuthority authority = OpenSslAuthority.make(directory.resolve("ca"), "Right CA");
    OpenSslAuthority other = OpenSslAuthority.make(directory.resolve("other"), "Wrong CA");
    Instant now = Instant.now();
    hostA = authority.host("hosta");
    stranger = authority.host("stranger");
    Path hostB = authority.host("hostb");
    Path revoked = authority.host("revoked");
    Path expired = authority.host("expired", now.minus(Duration.ofDays(9)), Duration.ofDays(1));
    Path early = authority.host("early", now.plus(Duration.ofDays(2)), Duration.ofDays(1));
    authority.revoke(revoked, hostA, hostB);
    // Whom others do not know, but who knows them; and who knows no others.
    Path unknown = authority.convinced(other.host("unknown"));
    elsewhere = other.host("hosta");
    keys = directory.resolve("keys");
    otherKeys = directory.resolve("other-keys");
    new CredentialsMaker(keys).psk(List.of("qemu"));
    new CredentialsMaker(otherKeys).psk(List.of("qemu", "nobody"));

    qemu =
        Optional.of(
            Qemu.start(
                QemuBinary.require(QemuVersion.V10_0),
                QemuMachine.of(GUEST)
                    .with("-object", object("unknown", unknown))
                    .with("-object", object("expired", expired))
                    .with("-object", object("early", early))
                    .with("-object", object("revoked", revoked))
                    .with("-object", object("stranger", stranger)),
                directory.resolve("s")));
    certificates =
        Optional.of(
            proxy("--tls-creds", hostB.toString(), "--tls-authz", "CN=hosta", "tls:127.0.0.1:0"));
    preShared = Optional.of(proxy("tls:127.0.0.1:0?tls-creds=" + keys));
    destinations(expired, revoked, unknown);
  }

  private static String object(String id, Path credentials) {
    return "tls-creds-x509,id=" + id + ",endpoint=client,dir=" + credentials + UNCHECKED;
  }

  /** Carries to nobody: whatever it lets in would fail later and otherwise. */
  private GodwitProcess proxy(String... listen) throws Exception {
    String[] line = new String[listen.length + 2];
    line[0] = "proxy";
    System.arraycopy(listen, 0, line, 1, listen.length);
    line[line.length - 1] = "unix:" + directory.resolve("nobody.sock");
    return GodwitProcess.start(line);
  }

  private Optional<Qemu> destination = Optional.empty();

  /** A QEMU that waits, with credentials that its peers should not like. */
  private void destinations(Path... all) throws Exception {
    QemuMachine machine = QemuMachine.of(GUEST).incoming();
    for (Path credentials : all) {
      machine =
          machine.with(
              "-object", object(name(credentials), credentials).replace("=client", "=server"));
    }
    Qemu waiting =
        Qemu.start(QemuBinary.require(QemuVersion.V10_0), machine, directory.resolve("d"));
    destination = Optional.of(waiting);
    try (QemuMonitor monitor = QemuMonitor.connect(waiting.observer(), TwoQemus.soon())) {
      monitor.apply(MigrationSettings.parse(List.of("tls-creds=" + name(all[0]))), TwoQemus.soon());
      monitor.migrateIncoming("unix:" + inSocket(), TwoQemus.soon());
    }
  }

  private static String name(Path credentials) {
    return credentials.getFileName().toString().replace("-elsewhere", "");
  }

  private Path inSocket() {
    return directory.resolve("in.sock");
  }

  private Qemu source() {
    return qemu.orElseThrow();
  }

  /** After all that was refused. */
  @AfterAll
  void theGuestRunsAtTheSource() throws Exception {
    try (ScratchDirectory removed = scratch.orElseThrow()) {
      try {
        expectRunning();
      } finally {
        for (GodwitProcess process : List.of(certificates.orElseThrow(), preShared.orElseThrow())) {
          assertThat(process.log()).doesNotContain("Migration", "Exception", "\tat ");
          process.close();
        }
        source().close();
        if (destination.isPresent()) {
          destination.get().close();
        }
      }
    }
  }

  private void expectRunning() throws Exception {
    try (QemuMonitor monitor = QemuMonitor.connect(source().observer(), TwoQemus.soon())) {
      assertThat(monitor.status(TwoQemus.soon()).state()).isEqualTo(RunStatus.State.RUNNING);
    }
    long more = SerialTicks.read(source().serialLog()).last() + GUEST.ticksToCheckAll();
    assertThat(SerialTicks.await(more, TwoQemus.PATIENCE, source().serialLog()).finding())
        .isEmpty();
  }

  // A QEMU dials a proxy.

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "unknown | CN=unknown | Wrong CA",
        "expired | CN=expired | expired",
        "early | CN=early | valid",
        "revoked | CN=revoked | revoked",
        "stranger | CN=stranger | tls-authz",
        "'' | clear | TLS",
      })
  void aSourceThatIsNotLetIn(String credentials, String name, String why) throws Exception {
    GodwitProcess proxy = certificates.orElseThrow();
    Endpoint at = proxy.awaitListening();
    int before = refusals(proxy).size();
    try (QemuMonitor monitor = QemuMonitor.connect(source().qmp(), TwoQemus.soon())) {
      monitor.apply(
          MigrationSettings.parse(
              List.of("tls-creds=" + credentials, "tls-hostname=localhost", "return-path=off")),
          TwoQemus.soon());
      monitor.migrate(TwoHosts.forQemu(at), TwoQemus.soon());
      MigrationStatus status =
          monitor.awaitMigration(
              MigrationStatus::isFinal, TwoQemus.PATIENCE, Deadline.after(TwoQemus.PATIENCE));
      assertThat(status.state()).isEqualTo(MigrationState.FAILED);
    }
    Await.until("the refusal", () -> refusals(proxy).size() > before, proxy::log);
    assertThat(refusals(proxy).getLast()).contains(name).contains(why);
  }

  private static List<String> refusals(GodwitProcess proxy) {
    return proxy.log().lines().filter(line -> line.contains("Refused a connection")).toList();
  }

  // Godwit dials a proxy.

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "elsewhere | '' | CN=hostb is signed by CN=Right CA",
        "hosta | tls-hostname=other.example | not for other.example",
        "hosta | tls-authz=CN=somebody | CN=hostb",
        "stranger | '' | CN=stranger",
      })
  void aSenderMeetsAPeer(String credentials, String setting, String why) throws Exception {
    Path directoryOfIt =
        switch (credentials) {
          case "elsewhere" -> elsewhere;
          case "stranger" -> stranger;
          default -> hostA;
        };
    String target = TwoHosts.forQemu(certificates.orElseThrow().awaitListening());
    expectUntrusted(
        target.replaceFirst("tcp:", "tls:") + (setting.isEmpty() ? "" : "?" + setting),
        why,
        "--tls-creds",
        directoryOfIt.toString());
  }

  @Test
  void aSenderWithAnotherKeyOfThatName() throws Exception {
    GodwitProcess proxy = preShared.orElseThrow();
    expectUntrusted("tls:" + proxy.awaitListening().address(), "", "--tls-creds", "" + otherKeys);
    proxy.awaitSaid("Refused a connection");
    assertThat(refusals(proxy).getLast()).contains("qemu");
  }

  @Test
  void aSenderWithAnIdentityThatNobodyKnows() throws Exception {
    GodwitProcess proxy = preShared.orElseThrow();
    expectUntrusted(
        "tls:" + proxy.awaitListening().address() + "?tls-username=nobody",
        "",
        "--tls-creds",
        otherKeys.toString());
    proxy.awaitSaid("nobody");
    assertThat(refusals(proxy).getLast()).contains("nobody");
  }

  // Godwit dials a QEMU.

  @ParameterizedTest
  @CsvSource({"expired, has expired", "revoked, revoked", "unknown, Wrong CA"})
  void aSenderMeetsAQemu(String credentials, String why) throws Exception {
    Qemu waiting = destination.orElseThrow();
    try (QemuMonitor monitor = QemuMonitor.connect(waiting.observer(), TwoQemus.soon())) {
      monitor.apply(MigrationSettings.parse(List.of("tls-creds=" + credentials)), TwoQemus.soon());
    }
    expectUntrusted(
        "unix:" + inSocket() + "?tls&tls-hostname=localhost", why, "--tls-creds", hostA.toString());
    assertThat(waiting.alive()).as(waiting.output()).isTrue();
  }

  private void expectUntrusted(String uri, String why, String... options) throws Exception {
    String[] line = new String[options.length + 4];
    line[0] = "send";
    line[1] = "--qmp";
    line[2] = source().qmp().toString();
    line[3] = uri;
    System.arraycopy(options, 0, line, 4, options.length);
    try (GodwitProcess send = GodwitProcess.start(line)) {
      send.expectExit(15);
      assertThat(send.sentence())
          .startsWith("godwit send: ")
          .contains(why)
          .endsWith("; the VM runs on at the source");
    }
    expectRunning();
  }
}
