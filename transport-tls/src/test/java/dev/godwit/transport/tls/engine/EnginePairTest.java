package dev.godwit.transport.tls.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** Each engine for certificates with each, in both versions of TLS. */
@ParameterizedClass
@MethodSource("pairs")
final class EnginePairTest {
  private static final TestAuthority AUTHORITY = new TestAuthority("authority");
  private static final TestAuthority.Holder SOURCE = AUTHORITY.host("source.test");
  private static final TestAuthority.Holder DESTINATION = AUTHORITY.host("destination.test");
  private static final int FULL_RECORD = TlsEngine.RECORD_BYTES;

  @Parameter Pairing pairing = new Pairing(TlsEngines.Kind.JSSE, TlsEngines.Kind.JSSE, "TLSv1.3");

  static List<Pairing> pairs() {
    List<Pairing> pairs = new ArrayList<>();
    for (TlsEngines.Kind client : Pairing.KINDS) {
      for (TlsEngines.Kind server : Pairing.KINDS) {
        pairs.add(new Pairing(client, server, "TLSv1.3"));
        pairs.add(new Pairing(client, server, "TLSv1.2"));
      }
    }
    return pairs;
  }

  private Connection connection() throws ChannelException {
    return pairing.connection(
        AUTHORITY.credentials(SOURCE),
        AUTHORITY.credentials(DESTINATION),
        Optional.of("destination.test"));
  }

  @Test
  void bothSidesKnowWhatWasAgreed() throws ChannelException {
    try (Connection connection = connection().shaken()) {
      assertThat(connection.client.session())
          .isEqualTo(
              new TlsSession(
                  pairing.version(),
                  pairing.cipher(),
                  new PeerIdentity.Named("x509", "O=Godwit,CN=destination.test"),
                  TlsEngines.GODWIT));
      assertThat(connection.server.session())
          .isEqualTo(
              new TlsSession(
                  pairing.version(),
                  pairing.cipher(),
                  new PeerIdentity.Named("x509", "O=Godwit,CN=source.test"),
                  TlsEngines.GODWIT));
    }
  }

  @Test
  void bytesArriveIntactHoweverTheyAreCut() throws ChannelException {
    Random random = Seed.of("bytesArriveIntactHoweverTheyAreCut").random();
    try (Connection connection = connection().shaken()) {
      exchange(connection.client, connection.server, connection.toServer, random);
      exchange(connection.server, connection.client, connection.toClient, random);
    }
  }

  private static void exchange(TlsEngine from, TlsEngine to, ByteBuffer wire, Random random)
      throws ChannelException {
    byte[] plain = Connection.bytes(random, 600_000);
    ByteBuffer src = ByteBuffer.allocateDirect(plain.length).put(plain).flip();
    ByteBuffer in = Connection.empty(80_000);
    ByteBuffer dst = ByteBuffer.allocateDirect(40_000);
    ByteBuffer received = ByteBuffer.allocate(plain.length);
    while (received.hasRemaining()) {
      if (src.hasRemaining()) {
        src.limit(Math.min(plain.length, src.position() + random.nextInt(50_000)));
        wire.compact();
        from.seal(src, wire);
        wire.flip();
        src.limit(plain.length);
      }
      in.compact();
      int moved = Math.min(in.remaining(), Math.min(wire.remaining(), random.nextInt(40_000)));
      in.put(wire.slice(wire.position(), moved));
      wire.position(wire.position() + moved);
      in.flip();
      TlsEngine.Opened opened;
      do {
        dst.clear().limit(FULL_RECORD + random.nextInt(40_000 - FULL_RECORD + 1));
        opened = to.open(in, dst);
        received.put(dst.flip());
      } while (opened == TlsEngine.Opened.NEEDS_ROOM);
    }
    assertThat(received.array()).isEqualTo(plain);
  }

  @Test
  void oneThreadMaySealWhileAnotherOpens() throws ChannelException {
    Random random = Seed.of("oneThreadMaySealWhileAnotherOpens").random();
    try (Connection connection = connection().shaken()) {
      Task<Boolean> there =
          Task.start(
              "there",
              () -> {
                exchange(connection.client, connection.server, connection.toServer, new Random(1));
                return true;
              });
      exchange(connection.server, connection.client, connection.toClient, random);
      assertThat(there.result()).isTrue();
    }
  }

  @Test
  void recordsAreFull() throws ChannelException {
    try (Connection connection = connection().shaken()) {
      Connection.seal(connection.client, new byte[10 * FULL_RECORD + 5], connection.toServer);
      List<Integer> records = Connection.records(connection.toServer);
      assertThat(records).hasSize(11);
      int overhead = pairing.version().equals("TLSv1.3") ? 5 + 1 + 16 : 5 + 8 + 16;
      assertThat(records.subList(0, 10))
          .allMatch(length -> length >= FULL_RECORD - pairing.leftOut() + overhead);
    }
  }

  @Test
  void sealingStopsWhereThereIsNoRoomForARecordAndGoesOn() throws ChannelException {
    try (Connection connection = connection().shaken()) {
      ByteBuffer src = ByteBuffer.allocateDirect(3 * FULL_RECORD);
      ByteBuffer out = ByteBuffer.allocateDirect(2 * TlsEngine.SEALED_BYTES);
      connection.client.seal(src, out);
      int left = src.remaining();
      assertThat(left).isBetween(FULL_RECORD, FULL_RECORD + 100);
      assertThat(out.remaining()).isLessThan(TlsEngine.SEALED_BYTES);
      connection.client.seal(src, out);
      assertThat(src.remaining()).isEqualTo(left);
      out.clear();
      connection.client.seal(src, out);
      assertThat(src.hasRemaining()).isFalse();
    }
  }

  @Test
  void closeNotifyEndsOneDirection() throws ChannelException {
    try (Connection connection = connection().shaken()) {
      Connection.part(connection.client, connection.toServer);
      ByteBuffer dst = ByteBuffer.allocateDirect(2 * FULL_RECORD);
      assertThat(connection.server.open(connection.toServer, dst))
          .isEqualTo(TlsEngine.Opened.ENDED);
      assertThat(connection.server.open(connection.toServer, dst))
          .isEqualTo(TlsEngine.Opened.ENDED);
      if (pairing.version().equals("TLSv1.3")) {
        Connection.seal(connection.server, new byte[100], connection.toClient);
        assertThat(Connection.open(connection.client, connection.toClient))
            .isEqualTo(new byte[100]);
      }
      Connection.part(connection.server, connection.toClient);
      assertThat(connection.client.open(connection.toClient, dst))
          .isEqualTo(TlsEngine.Opened.ENDED);
    }
  }

  @Test
  void damagedRecordIsRefusedAndThePeerHearsSo() throws ChannelException {
    try (Connection connection = connection().shaken()) {
      Connection.seal(connection.client, new byte[1000], connection.toServer);
      int last = connection.toServer.limit() - 1;
      connection.toServer.put(last, (byte) (connection.toServer.get(last) ^ 1));
      refusesDamage(connection);
      Connection.part(connection.server, connection.toClient);
      assertThatThrownBy(() -> Connection.open(connection.client, connection.toClient))
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining("bad record mac");
    }
  }

  @Test
  void repeatedRecordIsRefused() throws ChannelException {
    try (Connection connection = connection().shaken()) {
      Connection.seal(connection.client, new byte[1000], connection.toServer);
      int length = connection.toServer.remaining();
      Connection.open(connection.server, connection.toServer);
      connection.toServer.position(connection.toServer.position() - length);
      refusesDamage(connection);
    }
  }

  @Test
  void swappedRecordsAreRefused() throws ChannelException {
    try (Connection connection = connection().shaken()) {
      Connection.seal(connection.client, new byte[1000], connection.toServer);
      int first = connection.toServer.limit();
      Connection.seal(connection.client, new byte[1000], connection.toServer);
      connection.toServer.position(first);
      refusesDamage(connection);
    }
  }

  private static void refusesDamage(Connection connection) {
    assertThatThrownBy(() -> Connection.open(connection.server, connection.toServer))
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessageContaining("damaged, repeated or reordered");
  }

  @Test
  void recordThatIsTooLongIsRefusedBeforeItIsThere() throws ChannelException {
    try (Connection connection = connection().shaken()) {
      ByteBuffer header = ByteBuffer.allocateDirect(5).put(new byte[] {23, 3, 3, 0x7f, 0}).flip();
      ByteBuffer dst = ByteBuffer.allocateDirect(2 * FULL_RECORD);
      assertThatThrownBy(() -> connection.server.open(header, dst))
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageContaining("32517 bytes");
    }
  }

  @Test
  void handshakeMessageThatIsTooLongIsRefusedBeforeItIsThere() throws ChannelException {
    try (Connection connection = connection()) {
      // A ClientHello of 16 MiB, in full records.
      ByteBuffer hello = ByteBuffer.allocateDirect(5 + FULL_RECORD);
      hello.put(new byte[] {22, 3, 1, 0x40, 0, 1, (byte) 0xff, (byte) 0xff, (byte) 0xff, 3, 3});
      ByteBuffer out = ByteBuffer.allocateDirect(4 * TlsEngine.SEALED_BYTES);
      assertThatThrownBy(
              () -> {
                for (int i = 0; i < 20; i++) {
                  connection.server.handshake(hello.clear(), out);
                  hello.put(5, new byte[FULL_RECORD]);
                }
              })
          .isInstanceOf(ChannelException.Violated.class);
    }
  }

  @Test
  void garbageInsteadOfAHandshakeIsRefused() throws ChannelException {
    try (Connection connection = connection()) {
      ByteBuffer garbage =
          ByteBuffer.allocateDirect(100)
              .put("GET / HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII))
              .flip();
      ByteBuffer out = ByteBuffer.allocateDirect(TlsEngine.SEALED_BYTES);
      assertThatThrownBy(() -> connection.server.handshake(garbage, out))
          .isInstanceOf(ChannelException.Violated.class);
    }
  }
}
