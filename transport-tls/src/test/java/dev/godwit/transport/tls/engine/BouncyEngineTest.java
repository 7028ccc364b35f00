package dev.godwit.transport.tls.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Threads;
import dev.godwit.transport.tls.credentials.AnonCredentials;
import dev.godwit.transport.tls.credentials.Authorities;
import dev.godwit.transport.tls.credentials.X509Credentials;
import dev.godwit.transport.tls.engine.TlsEngine.Opened;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class BouncyEngineTest {
  private static final String GERMAN = "Zürich-7";

  private final Seed seed = Seed.of("BouncyEngineTest");

  @Test
  void pre_shared_keys_name_both_sides() throws Exception {
    try (BouncyPair pair = established(BouncyTerms.PSK)) {
      TlsSession expected =
          new TlsSession(
              "TLSv1.3",
              "TLS_AES_128_GCM_SHA256",
              new PeerIdentity.Named("psk", GERMAN),
              TlsEngines.GODWIT);
      assertThat(pair.client.session()).isEqualTo(expected);
      assertThat(pair.server.session()).isEqualTo(expected);
    }
  }

  @Test
  void anonymous_sides_stay_unknown() throws Exception {
    try (BouncyPair pair = established(BouncyTerms.ANON)) {
      TlsSession expected =
          new TlsSession(
              "TLSv1.2",
              "TLS_DH_anon_WITH_AES_128_GCM_SHA256",
              new PeerIdentity.Unknown(),
              TlsEngines.GODWIT);
      assertThat(pair.client.session()).isEqualTo(expected);
      assertThat(pair.server.session()).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @EnumSource(BouncyTerms.class)
  void bytes_arrive_as_sent_both_ways_however_they_are_cut(BouncyTerms terms) throws Exception {
    Random random = seed.random();
    try (BouncyPair pair = established(terms)) {
      for (int round = 0; round < 40; round++) {
        byte[] plain = new byte[random.nextInt(100_000)];
        random.nextBytes(plain);
        boolean up = random.nextBoolean();
        byte[] records = BouncyPair.seal(up ? pair.client : pair.server, plain);
        BouncyPair.Read read = BouncyPair.open(up ? pair.server : pair.client, records, random);
        assertThat(read.plain()).isEqualTo(plain);
        assertThat(read.left()).isZero();
        assertThat(read.opened()).isEqualTo(Opened.NEEDS_INPUT);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(BouncyTerms.class)
  void records_are_full_but_for_the_last(BouncyTerms terms) throws Exception {
    try (BouncyPair pair = established(terms)) {
      List<Integer> lengths = new ArrayList<>();
      for (byte[] record : BouncyPair.records(BouncyPair.seal(pair.client, new byte[40_000]))) {
        assertThat(record).startsWith(23, 3, 3);
        lengths.add(record.length);
      }
      // Content type and tag, or explicit nonce and tag.
      int more = 5 + (terms == BouncyTerms.PSK ? 17 : 24);
      assertThat(lengths).containsExactly(16_384 + more, 16_384 + more, 40_000 - 2 * 16_384 + more);
    }
  }

  @Test
  void sealing_stops_where_a_record_might_not_fit() throws Exception {
    try (BouncyPair pair = established(BouncyTerms.PSK)) {
      ByteBuffer src = ByteBuffer.allocateDirect(100_000);
      ByteBuffer out = ByteBuffer.allocateDirect(TlsEngine.SEALED_BYTES);
      pair.client.seal(src, out);
      assertThat(src.position()).isEqualTo(16_384);
      int made = out.position();
      pair.client.seal(src, out);
      assertThat(src.position()).isEqualTo(16_384);
      assertThat(out.position()).isEqualTo(made);
    }
  }

  @Test
  void opening_stops_where_a_record_might_not_fit() throws Exception {
    try (BouncyPair pair = established(BouncyTerms.PSK)) {
      ByteBuffer in = BouncyPair.direct(BouncyPair.seal(pair.client, new byte[20_000]));
      ByteBuffer dst = ByteBuffer.allocateDirect(20_000);
      assertThat(pair.server.open(in, dst)).isEqualTo(Opened.NEEDS_ROOM);
      assertThat(dst.position()).isEqualTo(16_384);
      dst.clear();
      assertThat(pair.server.open(in, dst)).isEqualTo(Opened.NEEDS_INPUT);
      assertThat(dst.position()).isEqualTo(20_000 - 16_384);
    }
  }

  @Test
  void one_thread_may_seal_while_another_opens() throws Exception {
    int bytes = 4 << 20;
    try (BouncyPair pair = established(BouncyTerms.PSK)) {
      byte[] up = random(1, bytes);
      byte[] down = random(2, bytes);
      byte[] fromServer = BouncyPair.seal(pair.server, down);
      byte[][] fromClient = new byte[1][];
      Threads.run(
          () -> fromClient[0] = BouncyPair.seal(pair.client, up),
          () ->
              assertThat(BouncyPair.open(pair.client, fromServer, seed.random()).plain())
                  .isEqualTo(down));
      assertThat(BouncyPair.open(pair.server, fromClient[0], seed.random()).plain()).isEqualTo(up);
    }
  }

  @ParameterizedTest
  @EnumSource(BouncyTerms.class)
  void close_notify_ends_one_direction_and_leaves_the_other(BouncyTerms terms) throws Exception {
    try (BouncyPair pair = established(terms)) {
      byte[] last = BouncyPair.seal(pair.client, new byte[] {1, 2, 3});
      byte[] goodbye = BouncyPair.parting(pair.client);
      assertThat(goodbye).isNotEmpty();
      BouncyPair.Read read =
          BouncyPair.open(pair.server, BouncyPair.join(List.of(last, goodbye)), seed.random());
      assertThat(read.plain()).containsExactly(1, 2, 3);
      assertThat(read.opened()).isEqualTo(Opened.ENDED);

      byte[] answer = BouncyPair.seal(pair.server, new byte[] {4});
      assertThat(BouncyPair.open(pair.client, answer, seed.random()).plain()).containsExactly(4);
      assertThat(BouncyPair.open(pair.client, BouncyPair.parting(pair.server), seed.random()))
          .extracting(BouncyPair.Read::opened)
          .isEqualTo(Opened.ENDED);
      assertThat(BouncyPair.parting(pair.client)).isEmpty();
      assertThatThrownBy(() -> BouncyPair.seal(pair.client, new byte[1]))
          .isInstanceOf(ChannelException.Violated.class);
    }
  }

  @ParameterizedTest
  @EnumSource(BouncyTerms.class)
  void a_damaged_record_is_refused_and_the_peer_told(BouncyTerms terms) throws Exception {
    Random random = seed.random();
    for (int round = 0; round < 12; round++) {
      try (BouncyPair pair = established(terms)) {
        byte[] record = BouncyPair.seal(pair.client, new byte[1 + random.nextInt(40)]);
        int at = 5 + random.nextInt(record.length - 5);
        record[at] ^= (byte) (1 << random.nextInt(8));
        refused(pair, record);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(BouncyTerms.class)
  void a_repeated_record_is_refused(BouncyTerms terms) throws Exception {
    try (BouncyPair pair = established(terms)) {
      byte[] record = BouncyPair.seal(pair.client, new byte[100]);
      assertThat(BouncyPair.open(pair.server, record, seed.random()).plain()).hasSize(100);
      refused(pair, record);
    }
  }

  @ParameterizedTest
  @EnumSource(BouncyTerms.class)
  void records_out_of_order_are_refused(BouncyTerms terms) throws Exception {
    try (BouncyPair pair = established(terms)) {
      List<byte[]> records =
          BouncyPair.records(BouncyPair.seal(pair.client, new byte[2 * TlsEngine.RECORD_BYTES]));
      refused(pair, BouncyPair.join(records.reversed()));
    }
  }

  @ParameterizedTest
  @EnumSource(BouncyTerms.class)
  void a_record_that_is_cut_short_waits_for_its_rest(BouncyTerms terms) throws Exception {
    try (BouncyPair pair = established(terms)) {
      byte[] record = BouncyPair.seal(pair.client, new byte[100]);
      byte[] cut = Arrays.copyOf(record, record.length - 1);
      BouncyPair.Read read = BouncyPair.open(pair.server, cut, seed.random());
      assertThat(read.plain()).isEmpty();
      assertThat(read.opened()).isEqualTo(Opened.NEEDS_INPUT);
      assertThat(read.left()).isEqualTo(cut.length);
    }
  }

  @ParameterizedTest
  @EnumSource(BouncyTerms.class)
  void a_record_whose_length_lies_is_refused(BouncyTerms terms) throws Exception {
    try (BouncyPair pair = established(terms)) {
      byte[] record = BouncyPair.seal(pair.client, new byte[100]);
      record[3] = 0x7f;
      refused(pair, record);
    }
  }

  @ParameterizedTest
  @EnumSource(BouncyTerms.class)
  void plaintext_after_the_handshake_is_refused(BouncyTerms terms) throws Exception {
    try (BouncyPair pair = established(terms)) {
      refused(pair, new byte[] {23, 3, 3, 0, 3, 1, 2, 3});
    }
    try (BouncyPair pair = established(terms)) {
      refused(pair, new byte[] {21, 3, 3, 0, 2, 1, 0});
    }
    try (BouncyPair pair = established(terms)) {
      refused(pair, "QEVM 1234567890".getBytes(StandardCharsets.US_ASCII));
    }
  }

  @Test
  void new_keys_are_followed_without_end_but_not_without_data() throws Exception {
    BouncyCrypto crypto = new BouncyCrypto(new SecureRandom());
    BouncyClient side =
        new BouncyClient(crypto, BouncyTerms.PSK, Optional.of(BouncyPair.key(GERMAN, 1)));
    BouncyWire wire = new BouncyWire();
    BouncyClientProtocol protocol = new BouncyClientProtocol(side, wire);
    try (BouncyPair pair =
        new BouncyPair(
            new BouncyEngine(crypto, BouncyTerms.PSK, side, protocol, wire),
            BouncyEngines.server(BouncyPair.keys(BouncyPair.key(GERMAN, 1))),
            seed.random())) {
      pair.handshake();
      List<byte[]> records = new ArrayList<>();
      for (int i = 0; i < 400; i++) {
        records.add(renewal(protocol));
        records.add(BouncyPair.seal(pair.client, new byte[] {1}));
      }
      assertThat(BouncyPair.open(pair.server, BouncyPair.join(records), seed.random()).plain())
          .hasSize(400);

      List<byte[]> bare = new ArrayList<>();
      for (int i = 0; i < 400; i++) {
        bare.add(renewal(protocol));
      }
      assertThatThrownBy(() -> BouncyPair.open(pair.server, BouncyPair.join(bare), seed.random()))
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessage("The peer sent 257 TLS records in a row without data");
      assertThat(BouncyPair.parting(pair.server)).isNotEmpty();
    }
  }

  private static byte[] renewal(BouncyClientProtocol protocol) throws IOException {
    protocol.renewKey();
    byte[] record = new byte[protocol.getAvailableOutputBytes()];
    assertThat(protocol.readOutput(record, 0, record.length)).isPositive();
    return record;
  }

  @Test
  void the_first_failure_stays() throws Exception {
    try (BouncyPair pair = established(BouncyTerms.PSK)) {
      byte[] record = BouncyPair.seal(pair.client, new byte[100]);
      record[50]++;
      refused(pair, record);
      assertThatThrownBy(() -> BouncyPair.seal(pair.server, new byte[1]))
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageContaining("damaged");
    }
  }

  @Test
  void certificates_are_for_others() {
    X509Credentials certificates =
        new X509Credentials(
            Optional.empty(), List.of(), new Authorities(List.of(), List.of()), true);
    assertThatThrownBy(() -> BouncyEngines.client(certificates))
        .isInstanceOf(ChannelException.Unsupported.class);
    assertThatThrownBy(() -> BouncyEngines.server(certificates))
        .isInstanceOf(ChannelException.Unsupported.class);
  }

  @Test
  void a_closed_engine_does_nothing_more() throws Exception {
    BouncyPair pair = established(BouncyTerms.PSK);
    pair.close();
    pair.close();
    assertThatThrownBy(() -> BouncyPair.seal(pair.client, new byte[1]))
        .isInstanceOf(ChannelException.Aborted.class);
    assertThat(BouncyPair.parting(pair.client)).isEmpty();
  }

  private void refused(BouncyPair pair, byte[] records) throws ChannelException {
    assertThatThrownBy(() -> BouncyPair.open(pair.server, records, seed.random()))
        .isInstanceOf(ChannelException.Violated.class);
    byte[] alert = BouncyPair.parting(pair.server);
    assertThat(alert).isNotEmpty();
    assertThatThrownBy(() -> BouncyPair.open(pair.client, alert, seed.random()))
        .isInstanceOf(ChannelException.Lost.class);
  }

  private BouncyPair established(BouncyTerms terms) throws ChannelException {
    BouncyPair pair =
        switch (terms) {
          case PSK ->
              new BouncyPair(
                  BouncyEngines.client(BouncyPair.keys(BouncyPair.key(GERMAN, 1))),
                  BouncyEngines.server(
                      BouncyPair.keys(BouncyPair.key("other", 2), BouncyPair.key(GERMAN, 1))),
                  seed.random());
          case ANON ->
              new BouncyPair(
                  BouncyEngines.client(new AnonCredentials()),
                  BouncyEngines.server(new AnonCredentials()),
                  seed.random());
        };
    BouncyPair.Outcome outcome = pair.handshake();
    assertThat(outcome.client()).isEmpty();
    assertThat(outcome.server()).isEmpty();
    return pair;
  }

  private byte[] random(int n, int length) {
    byte[] bytes = new byte[length];
    seed.random(n).nextBytes(bytes);
    return bytes;
  }
}
