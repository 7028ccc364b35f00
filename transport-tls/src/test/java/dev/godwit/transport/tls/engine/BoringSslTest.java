package dev.godwit.transport.tls.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.tls.credentials.PskCredentials;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What is special to the engine of BoringSSL. */
final class BoringSslTest {
  private static final TestAuthority AUTHORITY = new TestAuthority("authority");
  private static final TestAuthority OTHER = new TestAuthority("other");
  private static final TestAuthority.Holder OURS = AUTHORITY.host("ours.test");
  private static final TestAuthority.Holder STRANGER = OTHER.host("stranger.test");
  private static final Pairing PAIRING =
      new Pairing(TlsEngines.Kind.BORINGSSL, TlsEngines.Kind.BORINGSSL, "TLSv1.3");

  private static final int CYCLES = 200;

  /** A connection holds more at each end; what else the JVM takes is less, but for some rounds. */
  private static final long LEAK_BYTES = CYCLES * 6L * 1024;

  @Test
  void isWhatCertificatesGet() throws ChannelException {
    try (TlsEngine engine =
        TlsEngines.client(AUTHORITY.credentials(OURS), Optional.empty(), Optional.empty())) {
      assertThat(engine).isInstanceOf(BoringSslEngine.class);
    }
  }

  @Test
  void doesNoPreSharedKeys() {
    assertThatThrownBy(
            () ->
                TlsEngines.client(
                    new PskCredentials(List.of()),
                    Optional.empty(),
                    Optional.of(TlsEngines.Kind.BORINGSSL)))
        .isInstanceOf(ChannelException.Unsupported.class)
        .hasMessageContaining("boringssl does certificates only");
  }

  @Test
  void keepsNoNativeMemory() {
    ByteBuffer[] wires = new ByteBuffer[4];
    Arrays.setAll(wires, i -> ByteBuffer.allocateDirect(256 * 1024));
    Await.until(
        "what a round of connections takes is returned",
        () -> {
          long before = NativeMemory.usedBytes();
          for (int i = 0; i < CYCLES; i++) {
            cycle(i % 2 == 0, wires);
          }
          return NativeMemory.usedBytes() - before < LEAK_BYTES;
        });
  }

  /** A whole connection, or one that the client refuses. */
  private static void cycle(boolean good, ByteBuffer[] wires) throws ChannelException {
    try (Connection connection =
        new Connection(
            PAIRING.client(AUTHORITY.credentials(OURS), Optional.empty()),
            PAIRING.server(good ? AUTHORITY.credentials(OURS) : OTHER.credentials(STRANGER)),
            wires[0].clear().limit(0),
            wires[1].clear().limit(0))) {
      Throwable failure = catchThrowable(connection::shaken);
      assertThat(failure == null).isEqualTo(good);
      if (good) {
        connection.client.seal(wires[2].clear(), wires[0].clear());
        connection.server.open(wires[0].flip(), wires[3].clear());
        assertThat(wires[3].position()).isGreaterThan(200_000);
      }
    }
  }

  @Test
  void closesWhileAnotherThreadSeals() throws ChannelException {
    Connection connection =
        PAIRING
            .connection(AUTHORITY.credentials(OURS), AUTHORITY.credentials(OURS), Optional.empty())
            .shaken();
    Task<Object> sealing =
        Task.start(
            "sealing",
            () -> {
              while (true) {
                Connection.seal(connection.client, new byte[100_000], connection.toServer);
                connection.toServer.position(connection.toServer.limit());
              }
            });
    Connection.seal(connection.server, new byte[1000], connection.toClient);
    connection.close();
    assertThat(sealing.failure()).isInstanceOf(ChannelException.Aborted.class);
  }
}
