package dev.godwit.transport.tls.credentials;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.godwit.transport.tls.credentials.CertificateAuthority.Use;
import dev.godwit.transport.tls.credentials.CredentialsDirectory.Side;
import dev.godwit.transport.tls.credentials.UntrustedPeer.Reason;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which certificates of a peer are believed. */
final class AuthoritiesTest {
  private static final Duration DAY = Duration.ofDays(1);

  private final Instant now = Instant.now();

  @TempDir Path root = Path.of("");

  private TestCredentials made = TestCredentials.in(root);

  @BeforeEach
  void make() {
    made = TestCredentials.in(root);
  }

  @Test
  void whatItsAuthoritySignedIsTrusted() throws Exception {
    Path host = made.host("hostb");

    trusting(host).verifyServer(server(host), Optional.of("hostb"));
    trusting(host).verifyServer(server(host), Optional.empty());
    trusting(host).verifyClient(client(host));
  }

  @Test
  void whatAnotherAuthoritySignedIsNotEvenUnderTheSameName() {
    Path host = made.host("hostb");
    Path other = TestCredentials.in(root.resolve("other")).host("hostb");

    UntrustedPeer refusal = refused(host, server(other), "hostb");

    assertThat(refusal.reason()).isEqualTo(Reason.UNKNOWN_AUTHORITY);
    assertThat(refusal)
        .hasMessage(
            "The certificate of CN=hostb is signed by CN=Godwit test CA, which is not an authority"
                + " trusted here");
  }

  @Test
  void expiredAndEarlyAreToldApartWithTheirDates() {
    Path host = made.host("hosta");

    UntrustedPeer expired = refused(host, server(made.expired("hostb")), "localhost");
    UntrustedPeer early = refused(host, server(made.notYetValid("hostc")), "localhost");

    assertThat(expired.reason()).isEqualTo(Reason.EXPIRED);
    assertThat(expired).hasMessage("The certificate of CN=hostb has expired on " + date(-10));
    assertThat(early.reason()).isEqualTo(Reason.NOT_YET_VALID);
    assertThat(early).hasMessage("The certificate of CN=hostc is not valid before " + date(10));
  }

  @Test
  void anExpiredAuthorityVouchesForNobodyUnlessItWasRenewed() throws Exception {
    CertificateAuthority old =
        CertificateAuthority.create("CA", now.minus(DAY.multipliedBy(9)), now.minus(DAY));
    X509Certificate leaf =
        old.issue("hostb", List.of(), Use.SERVER, now.minus(DAY), now.plus(DAY)).certificate();

    UntrustedPeer refusal = refused(new Authorities(List.of(old.certificate()), List.of()), leaf);

    assertThat(refusal.reason()).isEqualTo(Reason.EXPIRED);
    assertThat(refusal).hasMessageStartingWith("The certificate of CN=CA has expired on ");
  }

  @Test
  void revokedIsRefusedOnlyWhereItIsKnown() throws Exception {
    Path host = made.host("hostb");
    Path informed = made.host("hosta");
    Path uninformed = made.host("hostc");
    made.revoke(informed, host);

    UntrustedPeer refusal = refused(informed, server(host), "hostb");

    assertThat(refusal.reason()).isEqualTo(Reason.REVOKED);
    assertThat(refusal).hasMessage("The certificate of CN=hostb has been revoked on " + date(-1));
    trusting(uninformed).verifyServer(server(host), Optional.of("hostb"));
    trusting(informed).verifyServer(server(uninformed), Optional.of("hostc"));
  }

  @Test
  void aListThatIsTooOldOrOfSomebodyElseLetsNobodyIn() throws Exception {
    CertificateAuthority authority = authority("CA");
    CertificateAuthority impostor = authority("CA");
    X509Certificate leaf = leaf(authority, Use.SERVER);
    List<X509Certificate> trusted = List.of(authority.certificate());

    UntrustedPeer old =
        refused(
            new Authorities(
                trusted,
                List.of(
                    authority.revoke(List.of(), now.minus(DAY.multipliedBy(2)), now.minus(DAY)))),
            leaf);
    UntrustedPeer foreign =
        refused(
            new Authorities(
                trusted, List.of(impostor.revoke(List.of(), now.minus(DAY), now.plus(DAY)))),
            leaf);

    assertThat(old.reason()).isEqualTo(Reason.BROKEN);
    assertThat(old).hasMessageContaining("may be revoked: the list of revoked certificates has");
    assertThat(foreign.reason()).isEqualTo(Reason.BROKEN);
    assertThat(foreign).hasMessageEndingWith("is not signed by CN=CA");
  }

  @Test
  void aRevokedAuthorityBetweenLetsNobodyIn() throws Exception {
    CertificateAuthority root = authority("root");
    CertificateAuthority between = root.subordinate("between", now.minus(DAY), now.plus(DAY));
    X509Certificate leaf = leaf(between, Use.SERVER);
    Authorities informed =
        new Authorities(
            List.of(root.certificate()),
            List.of(
                root.revoke(
                    List.of(between.certificate().getSerialNumber()),
                    now.minus(DAY),
                    now.plus(DAY))));

    UntrustedPeer refusal = refused(informed, leaf, between.certificate());

    assertThat(refusal.reason()).isEqualTo(Reason.REVOKED);
    assertThat(refusal).hasMessageStartingWith("The certificate of CN=between has been revoked");
  }

  @Test
  void theUseOfACertificateMattersBothWays() {
    Path host = made.host("hostb");

    UntrustedPeer server = refused(host, client(host), "hostb");
    UntrustedPeer client = refusedClient(host, server(host));

    assertThat(server.reason()).isEqualTo(Reason.WRONG_USE);
    assertThat(server)
        .hasMessage("The certificate of CN=hostb is not for a server (its extended key usage)");
    assertThat(client.reason()).isEqualTo(Reason.WRONG_USE);
    assertThat(client)
        .hasMessage("The certificate of CN=hostb is not for a client (its extended key usage)");
  }

  @Test
  void aHostCannotVouchForAnother() throws Exception {
    CertificateAuthority root = authority("root");
    CertificateAuthority.Issued host =
        root.issue("hosta", List.of(), Use.SERVER, now.minus(DAY), now.plus(DAY));
    X509Certificate forged =
        leaf(new CertificateAuthority(host.certificate(), host.key()), Use.SERVER);

    UntrustedPeer refusal =
        refused(
            new Authorities(List.of(root.certificate()), List.of()), forged, host.certificate());

    assertThat(refusal.reason()).isEqualTo(Reason.WRONG_USE);
    assertThat(refusal).hasMessageStartingWith("The certificate of CN=hosta is not good: ");
  }

  @Test
  void authoritiesBetweenMayComeInAnyOrderAndWithTheRoot() throws Exception {
    CertificateAuthority root = authority("root");
    CertificateAuthority first = root.subordinate("first", now.minus(DAY), now.plus(DAY));
    CertificateAuthority second = first.subordinate("second", now.minus(DAY), now.plus(DAY));
    X509Certificate leaf = leaf(second, Use.SERVER);
    Authorities trusted = new Authorities(List.of(root.certificate()), List.of());

    trusted.verifyServer(
        List.of(leaf, first.certificate(), root.certificate(), second.certificate()),
        Optional.empty());
    assertThat(refused(trusted, leaf, second.certificate()).reason())
        .isEqualTo(Reason.UNKNOWN_AUTHORITY);
    new Authorities(List.of(first.certificate()), List.of())
        .verifyServer(List.of(leaf, second.certificate()), Optional.empty());
  }

  @Test
  void aLongChainIsNotLookedAt() throws Exception {
    CertificateAuthority root = authority("root");
    X509Certificate leaf = leaf(root, Use.SERVER);
    List<X509Certificate> chain =
        new ArrayList<>(Collections.nCopies(Authorities.MOST_CERTIFICATES + 1, leaf));

    UntrustedPeer refusal =
        refused(
            new Authorities(List.of(root.certificate()), List.of()),
            chain.toArray(X509Certificate[]::new));

    assertThat(refusal.reason()).isEqualTo(Reason.BROKEN);
    assertThat(refusal).hasMessageEndingWith("comes in a chain of more than 10 certificates");
  }

  @Test
  void noCertificateIsItsOwnReason() {
    UntrustedPeer refusal = refusedClient(made.host("hosta"), List.of());

    assertThat(refusal.reason()).isEqualTo(Reason.NO_CERTIFICATE);
    assertThat(refusal).hasMessage("The peer has no certificate");
  }

  @Test
  void aWrongNameIsToldWithTheRightOnes() {
    Path host = made.host("hostb", List.of("hostb.example", "192.0.2.7", "2001:db8::7"));

    UntrustedPeer refusal = refused(host, server(host), "other.example");

    assertThat(refusal.reason()).isEqualTo(Reason.WRONG_NAME);
    assertThat(refusal)
        .hasMessage(
            "The certificate of CN=hostb is for hostb.example, 192.0.2.7, 2001:db8::7 and not for"
                + " other.example");
  }

  @ParameterizedTest
  @CsvSource({
    "hostb.example, hostb.example, true",
    "hostb.example, HOSTB.Example., true",
    "hostb.example, hosta.example, false",
    "hostb.example, x.hostb.example, false",
    "*.example.org, a.example.org, true",
    "*.example.org, a.b.example.org, false",
    "*.example.org, example.org, false",
    "*.org, example.org, false",
    "bücher.example, xn--bcher-kva.example, true",
    "192.0.2.7, 192.0.2.7, true",
    "192.0.2.7, 192.0.2.8, false",
    "2001:db8::7, 2001:DB8:0:0:0:0:0:7, true",
    "2001:db8::7, 2001:db8::8, false",
    "fe80::1, fe80::1%1, true",
    "192.0.2.7, hostb, true",
    "hostb.example, hostb, false",
    "hostb.example, 192.0.2.7, false"
  })
  void namesMatch(String certified, String dialled, boolean match) throws Exception {
    CertificateAuthority authority = authority("CA");
    String name = certified.startsWith("b") ? "xn--bcher-kva.example" : certified;
    X509Certificate leaf =
        authority
            .issue("hostb", List.of(name), Use.SERVER, now.minus(DAY), now.plus(DAY))
            .certificate();
    String host = certified.startsWith("b") ? certified : dialled;

    assertThat(HostName.matches(leaf, host)).isEqualTo(match);
  }

  @Test
  void theCommonNameStandsInForNamesThatAreNotThere() throws Exception {
    CertificateAuthority authority = authority("CA");
    X509Certificate named = leaf(authority, Use.SERVER);
    X509Certificate addressed =
        authority
            .issue("192.0.2.7", List.of(), Use.SERVER, now.minus(DAY), now.plus(DAY))
            .certificate();

    assertThat(HostName.matches(named, "hostb")).isTrue();
    assertThat(HostName.matches(named, "hosta")).isFalse();
    assertThat(HostName.matches(addressed, "192.0.2.7")).isTrue();
  }

  @Test
  void whatAPeerCallsItselfCannotWriteLinesOfALog() throws Exception {
    CertificateAuthority authority = authority("CA");
    X509Certificate leaf =
        authority
            .issue(
                "a\nINFO let in" + "x".repeat(500),
                List.of(),
                Use.CLIENT,
                now.minus(DAY),
                now.plus(DAY))
            .certificate();

    UntrustedPeer refusal =
        refused(new Authorities(List.of(authority.certificate()), List.of()), leaf);

    assertThat(refusal.getMessage()).doesNotContain("\n").hasSizeLessThan(400);
  }

  @Test
  void weakKeysAndSignaturesAreRefused() throws Exception {
    Path ca = OpenSsl.authority(root.resolve("weak"));
    Path small = OpenSsl.host(ca, "small", "rsa:1024", "-sha256");
    Path forged = OpenSsl.host(ca, "forged", "rsa:2048", "-sha1");

    UntrustedPeer smallKey = refused(ca, server(small), "small");
    UntrustedPeer oldDigest = refused(ca, server(forged), "forged");

    assertThat(smallKey.reason()).isEqualTo(Reason.BROKEN);
    assertThat(smallKey)
        .hasMessage(
            "The certificate of CN=small has an RSA key of 1024 bits, where 2048 to 16384 are"
                + " taken");
    assertThat(oldDigest.reason()).isEqualTo(Reason.BROKEN);
    assertThat(oldDigest)
        .hasMessage(
            "The certificate of CN=forged is signed with SHA1withECDSA, which can be forged");
    assertThat(Files.exists(ca)).isTrue();
  }

  private CertificateAuthority authority(String name) throws Exception {
    return CertificateAuthority.create(name, now.minus(DAY), now.plus(DAY));
  }

  private X509Certificate leaf(CertificateAuthority authority, Use use) throws Exception {
    return authority.issue("hostb", List.of(), use, now.minus(DAY), now.plus(DAY)).certificate();
  }

  private LocalDate date(int days) {
    return LocalDate.ofInstant(now.plus(DAY.multipliedBy(days)), ZoneOffset.UTC);
  }

  private static List<X509Certificate> server(Path host) {
    return TestCredentials.unchecked(host, Side.SERVER, true).chain();
  }

  private static List<X509Certificate> client(Path host) {
    return TestCredentials.unchecked(host, Side.CLIENT, true).chain();
  }

  private static Authorities trusting(Path directory) {
    return TestCredentials.authorities(directory);
  }

  private static UntrustedPeer refused(Path directory, List<X509Certificate> chain, String host) {
    return catchThrowableOfType(
        UntrustedPeer.class, () -> trusting(directory).verifyServer(chain, Optional.of(host)));
  }

  private static UntrustedPeer refused(Authorities authorities, X509Certificate... chain) {
    return catchThrowableOfType(
        UntrustedPeer.class, () -> authorities.verifyServer(List.of(chain), Optional.empty()));
  }

  private static UntrustedPeer refusedClient(Path directory, List<X509Certificate> chain) {
    return catchThrowableOfType(UntrustedPeer.class, () -> trusting(directory).verifyClient(chain));
  }
}
