package dev.godwit.channel.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.image.ImageReceiver.Options;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Task;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Multifd channels that nobody has agreed on. */
@Timeout(30)
final class ArrivalsTest {
  private static final Transports TRANSPORTS = Transports.load();

  private static final String MULTIFD =
      "1122334400000001" + "00".repeat(16) + "00" + "00".repeat(39);
  private static final String MAIN = "5145564D00000003";

  /** Whichever of the two was looked at first. */
  @Test
  void theyFailTheMigrationOnceItHasBegun() throws Exception {
    try (Listener listener = TRANSPORTS.listen(Endpoint.parse("mem:arrivals"));
        ImageReceiver receiver = receiver(listener);
        Dialer dialer = TRANSPORTS.dialer(Endpoint.parse("mem:arrivals"));
        Channel multifd = dialer.dial(soon())) {
      Task<Object> receiving = Task.start("receiving", receiver::receive);
      say(multifd, MULTIFD);
      // It is closed, and the receiver goes on to wait for a source.
      assertThatThrownBy(() -> multifd.read(ByteBuffer.allocate(1)))
          .isInstanceOf(ChannelException.class);
      assertThat(receiving.isDone()).isFalse();
      try (Channel main = dialer.dial(soon())) {
        say(main, MAIN);
        assertThat(receiving.failure())
            .isInstanceOf(ChannelException.Violated.class)
            .hasMessage(
                "The source has multifd on: channel 0 came, and this side was told of none");
        assertThat(receiver.channels()).containsOnlyKeys("main");
        main.abort(new IllegalStateException("The test is over"));
      }
      multifd.abort(new IllegalStateException("The test is over"));
    }
  }

  private static ImageReceiver receiver(Listener listener) {
    return new ImageReceiver(listener, new Options(1 << 20, Optional.empty(), LaneOpener.none()));
  }

  private static void say(Channel channel, String hex) throws ChannelException {
    channel.write(ByteBuffer.wrap(HexFormat.of().parseHex(hex)));
    channel.flush();
  }

  private static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(10));
  }
}
