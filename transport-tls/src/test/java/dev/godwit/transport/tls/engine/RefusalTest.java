package dev.godwit.transport.tls.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.tls.credentials.X509Credentials;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** Who is not let in, what is said about it here, and what the other side hears. */
@ParameterizedClass
@MethodSource("dev.godwit.transport.tls.engine.EnginePairTest#pairs")
final class RefusalTest {
  private static final TestAuthority AUTHORITY = new TestAuthority("authority");
  private static final TestAuthority OTHER = new TestAuthority("other");
  private static final TestAuthority.Holder GOOD = AUTHORITY.host("good.test");
  private static final TestAuthority.Holder STRANGER = OTHER.host("stranger.test");
  private static final TestAuthority.Holder OLD =
      AUTHORITY.holder("CN=old.test", "old.test", "EC", -3, -1);
  private static final TestAuthority.Holder EARLY =
      AUTHORITY.holder("CN=early.test", "early.test", "EC", 1, 3);
  private static final Optional<String> ANY = Optional.empty();

  @Parameter Pairing pairing = new Pairing(TlsEngines.Kind.JSSE, TlsEngines.Kind.JSSE, "TLSv1.3");

  /** Both sides' failures: the one that refused, and the other that heard of it. */
  private record Outcome(Throwable client, Throwable server) {}

  private Outcome shake(X509Credentials client, X509Credentials server, Optional<String> hostname)
      throws ChannelException {
    try (Connection connection = pairing.connection(client, server, hostname)) {
      Map<Integer, Throwable> failures = new HashMap<>();
      boolean[] done = new boolean[2];
      for (int turn = 0; turn < 20; turn++) {
        turn(connection.client, connection.toClient, connection.toServer, failures, done, 0);
        turn(connection.server, connection.toServer, connection.toClient, failures, done, 1);
      }
      assertThat(failures).as("both sides fail").containsOnlyKeys(0, 1);
      return new Outcome(
          java.util.Objects.requireNonNull(failures.get(0)),
          java.util.Objects.requireNonNull(failures.get(1)));
    }
  }

  /** A side goes on until it fails; once it is done it reads, as it would for the greeting. */
  private static void turn(
      TlsEngine engine,
      ByteBuffer in,
      ByteBuffer wire,
      Map<Integer, Throwable> failures,
      boolean[] done,
      int side) {
    if (failures.containsKey(side)) {
      return;
    }
    Throwable failure =
        catchThrowable(
            () -> {
              if (done[side]) {
                engine.open(in, ByteBuffer.allocateDirect(TlsEngine.RECORD_BYTES));
              } else {
                done[side] = Connection.step(engine, in, wire);
              }
            });
    if (failure != null) {
      failures.put(side, failure);
      Connection.part(engine, wire);
    }
  }

  private static void says(Throwable failure, String... words) {
    assertThat(failure).isInstanceOf(ChannelException.Untrusted.class);
    assertThat(failure.getMessage()).contains(words).doesNotContain("null");
  }

  /**
   * What the refused side hears: an alert in our words, as exact as the other's library lets it be.
   */
  private void hears(Throwable failure, TlsEngines.Kind other, String exactly) {
    assertThat(failure).isInstanceOf(ChannelException.Untrusted.class);
    assertThat(failure).hasMessageStartingWith("The peer refused this side's certificate: ");
    if (other == TlsEngines.Kind.BORINGSSL) {
      assertThat(failure).hasMessageContaining(exactly);
    }
  }

  @Test
  void clientRefusesAServerOfAnotherAuthority() throws ChannelException {
    Outcome outcome = shake(AUTHORITY.credentials(GOOD), OTHER.credentials(STRANGER), ANY);
    says(outcome.client, "stranger.test");
    hears(outcome.server, pairing.from(), "authority");
  }

  @Test
  void serverRefusesAClientOfAnotherAuthority() throws ChannelException {
    X509Credentials stranger =
        new X509Credentials(
            Optional.of(STRANGER.key()),
            List.of(STRANGER.certificate()),
            AUTHORITY.credentials(GOOD).authorities(),
            true);
    Outcome outcome = shake(stranger, AUTHORITY.credentials(GOOD), ANY);
    says(outcome.server, "stranger.test");
    hears(outcome.client, pairing.to(), "authority");
  }

  @Test
  void clientRefusesAnExpiredServer() throws ChannelException {
    Outcome outcome = shake(AUTHORITY.credentials(GOOD), AUTHORITY.credentials(OLD), ANY);
    says(outcome.client, "old.test", "expired");
    hears(outcome.server, pairing.from(), "expired");
  }

  @Test
  void serverRefusesAnExpiredClient() throws ChannelException {
    Outcome outcome = shake(AUTHORITY.credentials(OLD), AUTHORITY.credentials(GOOD), ANY);
    says(outcome.server, "old.test", "expired");
    hears(outcome.client, pairing.to(), "expired");
  }

  @Test
  void serverThatIsNotYetValidIsRefused() throws ChannelException {
    Outcome outcome = shake(AUTHORITY.credentials(GOOD), AUTHORITY.credentials(EARLY), ANY);
    says(outcome.client, "early.test", "not valid before");
    hears(outcome.server, pairing.from(), "");
  }

  @Test
  void revokedClientIsRefused() throws ChannelException {
    TestAuthority.Holder lost = AUTHORITY.host("lost.test");
    Outcome outcome =
        shake(
            AUTHORITY.credentials(lost),
            AUTHORITY.credentials(GOOD, List.of(AUTHORITY.revoke(lost.certificate()))),
            ANY);
    says(outcome.server, "lost.test", "revoked");
    hears(outcome.client, pairing.to(), "revoked");
  }

  @Test
  void serverOfAnotherNameIsRefused() throws ChannelException {
    Outcome outcome =
        shake(
            AUTHORITY.credentials(GOOD),
            AUTHORITY.credentials(GOOD),
            Optional.of("elsewhere.test"));
    says(outcome.client, "elsewhere.test");
    hears(outcome.server, pairing.from(), "");
  }

  @Test
  void clientWithoutACertificateIsRefused() throws ChannelException {
    Outcome outcome = shake(AUTHORITY.nobody(true), AUTHORITY.credentials(GOOD), ANY);
    says(outcome.server, "showed no certificate");
    assertThat(outcome.client)
        .isInstanceOfAny(ChannelException.Untrusted.class, ChannelException.Violated.class)
        .hasMessageContaining("certificate");
  }

  @Test
  void whoDoesNotVerifyTakesAnybody() throws ChannelException {
    X509Credentials server =
        new X509Credentials(
            Optional.of(STRANGER.key()),
            List.of(STRANGER.certificate()),
            AUTHORITY.credentials(GOOD).authorities(),
            false);
    try (Connection connection =
        pairing.connection(AUTHORITY.nobody(false), server, Optional.of("any.test")).shaken()) {
      assertThat(connection.client.session().peer()).isEqualTo(new PeerIdentity.Unknown());
      assertThat(connection.server.session().peer()).isEqualTo(new PeerIdentity.Unknown());
    }
  }

  @Test
  void serverWithoutACertificateIsNone() throws ChannelException {
    Outcome outcome = shake(AUTHORITY.credentials(GOOD), AUTHORITY.nobody(false), ANY);
    assertThat(outcome.server).isInstanceOf(ChannelException.class);
    assertThat(outcome.client).isInstanceOf(ChannelException.class);
  }

  @Test
  void nothingIsSealedAfterTheEndOrAClose() throws ChannelException {
    Connection connection =
        pairing.connection(AUTHORITY.credentials(GOOD), AUTHORITY.credentials(GOOD), ANY).shaken();
    ByteBuffer some = ByteBuffer.allocateDirect(10);
    ByteBuffer out = ByteBuffer.allocateDirect(2 * TlsEngine.SEALED_BYTES);
    Connection.part(connection.client, connection.toServer);
    assertThatThrownBy(() -> connection.client.seal(some, out))
        .isInstanceOf(ChannelException.Lost.class);
    connection.close();
    connection.close();
    if (pairing.to() == TlsEngines.Kind.BORINGSSL) {
      assertThatThrownBy(() -> connection.server.seal(some, out))
          .isInstanceOf(ChannelException.Aborted.class);
    }
  }
}
