package dev.godwit.transport.tls.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelException.Untrusted;
import dev.godwit.transport.ChannelException.Violated;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.tls.credentials.AnonCredentials;
import dev.godwit.transport.tls.credentials.PreSharedKey;
import dev.godwit.transport.tls.credentials.PskCredentials;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class BouncyRefusalTest {
  /** In a hello: behind headers, version, random and a length. */
  private static final int SESSION_AT = 5 + 4 + 2 + 32 + 1;

  private static final int SESSION_BYTES = 32;

  private final Seed seed = Seed.of("BouncyRefusalTest");

  @Test
  void a_wrong_key_is_told_by_name_on_both_sides() throws Exception {
    PreSharedKey mine = BouncyPair.key("host-a", 1);
    BouncyPair.Outcome outcome =
        between(BouncyPair.keys(mine), BouncyPair.keys(BouncyPair.key("host-a", 2)));
    assertThat(outcome.server())
        .singleElement()
        .isInstanceOf(Untrusted.class)
        .hasToString(
            message(Untrusted.class, "The client has another pre-shared key for 'host-a'"));
    assertThat(outcome.client())
        .singleElement()
        .isInstanceOf(Untrusted.class)
        .hasToString(
            message(Untrusted.class, "The server has another pre-shared key for 'host-a'"));
    assertNotShown(outcome, mine);
  }

  @Test
  void an_unknown_identity_is_told_by_name_on_both_sides() throws Exception {
    PreSharedKey mine = BouncyPair.key("stranger", 1);
    BouncyPair.Outcome outcome =
        between(BouncyPair.keys(mine), BouncyPair.keys(BouncyPair.key("host-a", 1)));
    assertThat(outcome.server())
        .singleElement()
        .isInstanceOf(Untrusted.class)
        .hasToString(
            message(
                Untrusted.class,
                "The client names a pre-shared key for 'stranger', and there is none"));
    assertThat(outcome.client())
        .singleElement()
        .isInstanceOf(Untrusted.class)
        .hasToString(message(Untrusted.class, "The server has no pre-shared key for 'stranger'"));
    assertNotShown(outcome, mine);
  }

  @Test
  void an_identity_cannot_write_into_a_log() throws Exception {
    BouncyPair.Outcome outcome =
        between(
            BouncyPair.keys(BouncyPair.key("a\nb\u001b[31m" + "x".repeat(1000), 1)),
            BouncyPair.keys(BouncyPair.key("host-a", 1)));
    assertThat(outcome.server().getFirst().getMessage())
        .startsWith("The client names a pre-shared key for 'a?b?[31mxxx")
        .hasSizeLessThan(200)
        .doesNotContain("\n", "\u001b");
  }

  @Test
  void each_of_several_users_is_known_by_its_own_key() throws Exception {
    PskCredentials all =
        BouncyPair.keys(BouncyPair.key("a", 1), BouncyPair.key("b", 2), BouncyPair.key("c", 3));
    for (int user = 1; user <= 3; user++) {
      String name = String.valueOf((char) ('a' + user - 1));
      try (BouncyPair pair = pair(BouncyPair.keys(BouncyPair.key(name, user)), all)) {
        assertThat(pair.handshake().server()).isEmpty();
        assertThat(pair.server.session().peer()).isEqualTo(new PeerIdentity.Named("psk", name));
      }
    }
    BouncyPair.Outcome crossed = between(BouncyPair.keys(BouncyPair.key("a", 2)), all);
    assertThat(crossed.server()).hasOnlyElementsOfType(Untrusted.class).hasSize(1);
  }

  @Test
  void short_and_long_keys_do() throws Exception {
    for (int length : new int[] {1, 16, 64, 65, 512}) {
      byte[] key = new byte[length];
      seed.random(length).nextBytes(key);
      try (BouncyPair pair =
          pair(
              BouncyPair.keys(new PreSharedKey("k", key.clone())),
              BouncyPair.keys(new PreSharedKey("k", key)))) {
        assertThat(pair.handshake()).isEqualTo(new BouncyPair.Outcome(List.of(), List.of()));
      }
    }
  }

  @Test
  void a_server_of_keys_takes_nobody_anonymous() throws Exception {
    PskCredentials keys = BouncyPair.keys(BouncyPair.key("a", 1));
    BouncyPair pair =
        new BouncyPair(
            BouncyEngines.client(new AnonCredentials()), BouncyEngines.server(keys), seed.random());
    BouncyPair.Outcome outcome = pair.handshake();
    assertThat(outcome.server())
        .singleElement()
        .isInstanceOf(Violated.class)
        .hasToString(message(Violated.class, "The client does not offer TLSv1.3"));
    assertThat(outcome.client()).hasOnlyElementsOfType(Violated.class).hasSize(1);
  }

  @Test
  void an_anonymous_server_takes_no_keys() throws Exception {
    BouncyPair pair =
        new BouncyPair(
            BouncyEngines.client(BouncyPair.keys(BouncyPair.key("a", 1))),
            BouncyEngines.server(new AnonCredentials()),
            seed.random());
    BouncyPair.Outcome outcome = pair.handshake();
    assertThat(outcome.server()).hasOnlyElementsOfType(Violated.class).hasSize(1);
    assertThat(outcome.client()).hasOnlyElementsOfType(Violated.class).hasSize(1);
  }

  @Test
  void a_server_that_does_not_know_the_key_cannot_pretend_to() throws Exception {
    try (BouncyPair recorded = pair(keys(), keys());
        BouncyPair fresh = pair(keys(), keys())) {
      ByteBuffer nothing = ByteBuffer.allocateDirect(0);
      ByteBuffer old = ByteBuffer.allocateDirect(BouncyPair.ROOM);
      recorded.client.handshake(nothing, old);
      ByteBuffer answer = ByteBuffer.allocateDirect(BouncyPair.ROOM);
      recorded.server.handshake(old.flip(), answer);
      ByteBuffer hello = ByteBuffer.allocateDirect(BouncyPair.ROOM);
      fresh.client.handshake(nothing, hello);
      // All that an answer must repeat is the id of the session: it names the key, and so it goes
      // on.
      answer.put(SESSION_AT, hello, SESSION_AT, SESSION_BYTES);
      assertThatThrownBy(
              () ->
                  fresh.client.handshake(answer.flip(), ByteBuffer.allocateDirect(BouncyPair.ROOM)))
          .isInstanceOf(Untrusted.class)
          .hasMessage("The server does not have the pre-shared key of 'a'");
    }
  }

  @Test
  void noise_instead_of_a_handshake_is_refused() throws Exception {
    for (String noise : List.of("GET / HTTP/1.1\r\n\r\n", "QEVM\0\0\0\3 and more of it")) {
      refuses(BouncyEngines.server(new AnonCredentials()), noise.getBytes(StandardCharsets.UTF_8));
      refuses(
          BouncyEngines.server(BouncyPair.keys(BouncyPair.key("a", 1))),
          noise.getBytes(StandardCharsets.UTF_8));
    }
  }

  @Test
  void a_handshake_message_over_32_kib_is_refused_before_it_is_there() throws Exception {
    HexFormat hex = HexFormat.of();
    // A handshake record with the first bytes of a ClientHello of 32 KiB and one byte.
    byte[] hello = hex.parseHex("1603010008" + "01008001" + "03030000");
    refuses(BouncyEngines.server(new AnonCredentials()), hello);
    refuses(BouncyEngines.server(BouncyPair.keys(BouncyPair.key("a", 1))), hello);
  }

  @Test
  void random_bytes_in_records_never_get_through() throws Exception {
    for (int round = 0; round < 200; round++) {
      Random random = seed.random(round);
      byte[] record = new byte[5 + random.nextInt(200)];
      random.nextBytes(record);
      record[0] = (byte) (random.nextInt(4) > 0 ? 22 : 20 + random.nextInt(4));
      record[1] = 3;
      record[2] = 1;
      record[3] = 0;
      record[4] = (byte) (record.length - 5);
      if (record.length > 9 && random.nextBoolean()) {
        ByteBuffer.wrap(record).putInt(5, 0x01000000 | (record.length - 9));
      }
      try (TlsEngine server = BouncyEngines.server(BouncyPair.keys(BouncyPair.key("a", 1)))) {
        ByteBuffer out = ByteBuffer.allocateDirect(BouncyPair.ROOM);
        TlsEngine.Handshake handshake;
        try {
          handshake = server.handshake(BouncyPair.direct(record), out);
        } catch (ChannelException refused) {
          continue;
        }
        assertThat(handshake).isEqualTo(TlsEngine.Handshake.NEEDS_INPUT);
      }
    }
  }

  private static void refuses(TlsEngine engine, byte[] bytes) {
    ByteBuffer out = ByteBuffer.allocateDirect(BouncyPair.ROOM);
    try (engine) {
      assertThat(catchThrowable(() -> engine.handshake(BouncyPair.direct(bytes), out)))
          .isInstanceOf(Violated.class);
    }
  }

  private BouncyPair pair(PskCredentials client, PskCredentials server) throws ChannelException {
    return new BouncyPair(
        BouncyEngines.client(client), BouncyEngines.server(server), seed.random());
  }

  private BouncyPair.Outcome between(PskCredentials client, PskCredentials server)
      throws ChannelException {
    try (BouncyPair pair = pair(client, server)) {
      return pair.handshake();
    }
  }

  private static PskCredentials keys() {
    return BouncyPair.keys(BouncyPair.key("a", 1));
  }

  private static String message(Class<?> type, String sentence) {
    return type.getName() + ": " + sentence;
  }

  private static void assertNotShown(BouncyPair.Outcome outcome, PreSharedKey key) {
    String hex = HexFormat.of().formatHex(key.key());
    for (List<ChannelException> side : List.of(outcome.client(), outcome.server())) {
      for (ChannelException failure : side) {
        assertThat(failure.toString()).doesNotContain(hex);
      }
    }
  }
}
