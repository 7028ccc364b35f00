package dev.godwit.transport.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.tls.engine.TlsEngine;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What arrives is what was sent, or nothing: somebody on the wire changes records, or cuts it. */
final class TlsTamperingTest {
  private static final int RECORDS = 4;

  /** Every engine, and the versions of TLS that each speaks. */
  enum Engine {
    BORINGSSL,
    JSSE,
    PSK,
    ANON;

    String settings(Path scratch) {
      return switch (this) {
        case BORINGSSL -> TestUris.x509(scratch, "boringssl");
        case JSSE -> TestUris.x509(scratch, "jsse");
        case PSK -> TestUris.psk(scratch);
        case ANON -> TestUris.anon();
      };
    }
  }

  private final Path scratch;
  private Wire wire;

  TlsTamperingTest(@TempDir Path scratch) {
    this.scratch = scratch;
  }

  @BeforeEach
  void open() throws Exception {
    wire = new Wire();
  }

  @AfterEach
  void close() {
    wire.close();
  }

  /** Sends four records through a harm, and reads until the other side fails. */
  private Throwable failure(Engine engine, Tampering.Harm harm) throws Exception {
    String settings = engine.settings(scratch);
    Tampering tampering = new Tampering(wire.dialled());
    Task<Channel> server = wire.accept(settings);
    Channel out = wire.dial(settings, tampering).result();
    Channel in = server.result();
    byte[] whole = new byte[RECORDS * TlsEngine.RECORD_BYTES];
    for (int i = 0; i < whole.length; i++) {
      whole[i] = (byte) (i / TlsEngine.RECORD_BYTES);
    }
    Io.send(out, new byte[] {42});
    assertThat(Io.receive(in, 1)).containsExactly(42);
    tampering.arm(harm);
    ByteBuffer arrived = ByteBuffer.allocate(whole.length);
    Task<Boolean> reading =
        Task.start(
            "read",
            () -> {
              while (in.read(arrived) >= 0 && arrived.hasRemaining()) {
                // More to come.
              }
              return true;
            });
    try {
      Io.send(out, whole);
    } catch (ChannelException.Lost early) {
      // The reader was quicker to break off.
    }
    Throwable failure = reading.failure();
    byte[] got = Arrays.copyOf(arrived.array(), arrived.position());
    assertThat(got).as("what arrived before").isEqualTo(Arrays.copyOf(whole, got.length));
    assertThatThrownBy(() -> in.read(arrived)).hasCause(failure);
    assertThatThrownBy(() -> Io.drain(out))
        .as("what the sender gets to know")
        .isInstanceOf(ChannelException.class)
        .isNotInstanceOf(ChannelException.Untrusted.class);
    return failure;
  }

  private void assertViolated(Engine engine, Tampering.Harm harm) throws Exception {
    assertThat(failure(engine, harm)).isInstanceOf(ChannelException.Violated.class);
  }

  @ParameterizedTest
  @EnumSource(Engine.class)
  void aDamagedRecord(Engine engine) throws Exception {
    assertViolated(
        engine,
        records -> {
          records.get(1)[1000] ^= 1;
          return records;
        });
  }

  @ParameterizedTest
  @EnumSource(Engine.class)
  void aRecordSentTwice(Engine engine) throws Exception {
    assertViolated(engine, records -> List.of(records.get(0), records.get(0)));
  }

  @ParameterizedTest
  @EnumSource(Engine.class)
  void recordsInAnotherOrder(Engine engine) throws Exception {
    assertViolated(engine, List::reversed);
  }

  @ParameterizedTest
  @EnumSource(Engine.class)
  void aRecordThatIsMissing(Engine engine) throws Exception {
    assertViolated(engine, records -> records.subList(1, records.size()));
  }

  @ParameterizedTest
  @EnumSource(Engine.class)
  void aRecordThatIsTooLong(Engine engine) throws Exception {
    assertViolated(
        engine,
        records -> {
          byte[] record = Arrays.copyOf(records.getFirst(), 5 + 0xFFFF);
          record[3] = (byte) 0xFF;
          record[4] = (byte) 0xFF;
          return List.of(record);
        });
  }

  @ParameterizedTest
  @EnumSource(Engine.class)
  void clearBytesBetweenRecords(Engine engine) throws Exception {
    assertViolated(
        engine,
        records -> {
          List<byte[]> more = new ArrayList<>(records);
          more.add(1, "QEVM and all that follows".getBytes(StandardCharsets.US_ASCII));
          return more;
        });
  }

  @ParameterizedTest
  @EnumSource(Engine.class)
  void aForgedAlert(Engine engine) throws Exception {
    assertThat(failure(engine, records -> List.of(new byte[] {21, 3, 3, 0, 2, 1, 0})))
        .as("a close_notify in clear")
        .isInstanceOf(ChannelException.class);
  }

  @ParameterizedTest
  @EnumSource(Engine.class)
  void aCutBetweenRecords(Engine engine) throws Exception {
    Throwable lost =
        failure(
            engine,
            records -> {
              cut();
              return List.of();
            });
    assertThat(lost).isInstanceOf(ChannelException.Lost.class).hasMessageContaining("close_notify");
  }

  @ParameterizedTest
  @EnumSource(Engine.class)
  void aCutWithinARecord(Engine engine) throws Exception {
    Throwable lost =
        failure(
            engine,
            records -> {
              try {
                wire.dialled().write(ByteBuffer.wrap(records.getFirst(), 0, 100));
              } catch (ChannelException e) {
                throw new AssertionError(e);
              }
              cut();
              return List.of();
            });
    assertThat(lost)
        .isInstanceOf(ChannelException.Lost.class)
        .hasMessageContaining("in the middle of a TLS record");
  }

  /** Ends the connection beneath as an orderly peer would. */
  private void cut() {
    try {
      wire.dialled().shutdownOutput();
    } catch (ChannelException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void whatWasSentBeforeADamageMayArriveAndNothingAfter() throws Exception {
    assertViolated(
        Engine.BORINGSSL,
        records -> {
          records.getLast()[20] ^= 1;
          return records;
        });
  }
}
