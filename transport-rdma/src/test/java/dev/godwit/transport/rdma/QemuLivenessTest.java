package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.qemu.Command;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A QEMU that has nothing to say is asked for a sign of life, and its device gives it. */
@Timeout(60)
final class QemuLivenessTest {
  private static final String SETTINGS = "liveness=50ms";

  /** More than are lost on a peer before it is taken for gone. */
  private static final int MANY_PROBES = 12;

  private static final byte[] BYTES = "and so on".getBytes(StandardCharsets.US_ASCII);

  private static void idle(FakeFabric fabric) {
    Await.until("it is probed", () -> fabric.probes() >= MANY_PROBES);
  }

  private static Task<Boolean> send(ScriptedDestination qemu) {
    return Task.start(
        "send",
        () -> {
          Io.send(qemu.channel, BYTES);
          qemu.channel.flush();
          return true;
        });
  }

  private static void expectLost(Task<?> task) {
    assertThat(task.failure())
        .isInstanceOf(ChannelException.Lost.class)
        .hasMessageContaining("acknowledged nothing");
  }

  @Test
  void aDestinationThatWantsNothingForLongIsNotGone() throws Exception {
    try (ScriptedDestination qemu = new ScriptedDestination(4096, false, SETTINGS)) {
      Task<Boolean> sending = send(qemu);
      idle(qemu.fabric);
      assertThat(sending.isDone()).isFalse();
      qemu.say(new Command.Ready());
      assertThat(qemu.hearStream()).isEqualTo(BYTES);
      sending.result();
    }
  }

  @Test
  void aDestinationBehindACutLinkIsGone() throws Exception {
    try (ScriptedDestination qemu = new ScriptedDestination(4096, false, SETTINGS)) {
      Task<Boolean> sending = send(qemu);
      idle(qemu.fabric);
      qemu.cut();
      expectLost(sending);
    }
  }

  @Test
  void aReturnPathThatIsSilentIsNotGone() throws Exception {
    try (ScriptedDestination qemu = ScriptedDestination.returning(SETTINGS)) {
      Task<byte[]> reading = Task.start("read", () -> Io.receive(qemu.channel, BYTES.length));
      idle(qemu.fabric);
      qemu.say(BYTES);
      assertThat(reading.result()).isEqualTo(BYTES);
    }
  }

  @Test
  void aReturnPathBehindACutLinkIsGone() throws Exception {
    try (ScriptedDestination qemu = ScriptedDestination.returning(SETTINGS)) {
      Task<byte[]> reading = Task.start("read", () -> Io.receive(qemu.channel, BYTES.length));
      idle(qemu.fabric);
      qemu.cut();
      expectLost(reading);
    }
  }

  @Test
  void aSourceThatSendsNothingForLongIsNotGone() throws Exception {
    try (QemuPair pair = new QemuPair(Seed.of("aSourceThatSendsNothing"), false, SETTINGS)) {
      Task<byte[]> reading = Task.start("read", () -> Io.receive(pair.target, BYTES.length));
      idle(pair.fabric);
      pair.source.write(ByteBuffer.wrap(BYTES));
      pair.source.flush();
      assertThat(reading.result()).isEqualTo(BYTES);
    }
  }

  /** In the stream, or while it answers what the source asks for in a round. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aSourceBehindACutLinkIsGone(boolean inRound) throws Exception {
    try (QemuPair pair = new QemuPair(Seed.of("aSourceBehindACutLink"), false, SETTINGS)) {
      Task<Boolean> waiting =
          Task.start(
              "target",
              () -> {
                if (inRound) {
                  pair.target.barrier();
                } else {
                  Io.receive(pair.target, 1);
                }
                return true;
              });
      idle(pair.fabric);
      pair.cut();
      expectLost(waiting);
    }
  }
}
