package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.qemu.Command;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a QEMU says over the connection of its return path, and what it hears. */
@Timeout(60)
final class QemuReturnPathTest {
  private static final byte[] FIRST = "first".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] SECOND = "second".getBytes(StandardCharsets.US_ASCII);

  @Test
  void theFirstMessageComesUnasked() throws Exception {
    try (ScriptedDestination qemu = ScriptedDestination.returning("liveness=20s")) {
      qemu.say(FIRST);
      assertThat(Io.receive(qemu.channel, FIRST.length)).isEqualTo(FIRST);
      Task<byte[]> reading = Task.start("read", () -> Io.receive(qemu.channel, SECOND.length));
      qemu.hear(Command.Ready.class);
      qemu.say(SECOND);
      assertThat(reading.result()).isEqualTo(SECOND);
    }
  }

  /** The first came late, and was asked for meanwhile. */
  @Test
  void theSecondMayComeByTheReadyThatTheFirstDidNotNeed() throws Exception {
    try (ScriptedDestination qemu = ScriptedDestination.returning("liveness=20s")) {
      Task<byte[]> reading =
          Task.start("read", () -> Io.receive(qemu.channel, FIRST.length + SECOND.length));
      qemu.hear(Command.Ready.class);
      qemu.say(FIRST);
      qemu.say(SECOND);
      byte[] both =
          ByteBuffer.allocate(FIRST.length + SECOND.length).put(FIRST).put(SECOND).array();
      assertThat(reading.result()).isEqualTo(both);
    }
  }

  /** A READY before the first message could come before QEMU has a receive for it. */
  @Test
  void nothingIsAskedForBeforeTheFirst() throws Exception {
    try (ScriptedDestination qemu = ScriptedDestination.returning("liveness=20s")) {
      qemu.say(FIRST);
      qemu.say(SECOND);
      Await.until("the channel breaks", () -> failure(qemu).isPresent());
      assertThat(failure(qemu)).get().asString().contains("was not asked to");
    }
  }

  private static Optional<ChannelException> failure(ScriptedDestination qemu) {
    try {
      qemu.channel.flush();
      return Optional.empty();
    } catch (ChannelException e) {
      return Optional.of(e);
    }
  }
}
