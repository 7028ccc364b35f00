package dev.godwit.channel.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.support.ChannelReader;
import dev.godwit.transport.support.Ending;
import dev.godwit.transport.testkit.Task;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Connections that nobody waits for: multifd channels that were not agreed on, and late ones. */
@Timeout(30)
final class ArrivalsTest {
  private static final Transports TRANSPORTS = Transports.load();

  private static final String MULTIFD =
      "1122334400000001" + "00".repeat(16) + "00" + "00".repeat(39);
  private static final String MAIN = "5145564D00000003";

  /** Not before its source can be told. */
  @Test
  void theyFailTheMigrationOnceItHasBegun() throws Exception {
    Ending ending = new Ending();
    CompletableFuture<Throwable> given = new CompletableFuture<>();
    ending.with(given::complete);
    try (Listener listener = TRANSPORTS.listen(Endpoint.parse("mem:arrivals"));
        Arrivals arrivals = new Arrivals(listener, 0, ending);
        Dialer dialer = TRANSPORTS.dialer(Endpoint.parse("mem:arrivals"));
        Channel multifd = dialer.dial(soon())) {
      Task<ChannelReader> receiving = Task.start("receiving", arrivals::awaitMain);
      say(multifd, MULTIFD);
      // It is closed, and the receiver goes on to wait for a source.
      assertThatThrownBy(() -> multifd.read(ByteBuffer.allocate(1)))
          .isInstanceOf(ChannelException.class);
      assertThat(receiving.isDone()).isFalse();
      assertThat(ending.cause()).isEmpty();
      try (Channel main = dialer.dial(soon())) {
        say(main, MAIN);
        receiving.result();
        assertThat(ending.cause()).isEmpty();
        arrivals.mainHasBegun();
        assertThat(given.get(10, TimeUnit.SECONDS))
            .isInstanceOf(ChannelException.Violated.class)
            .hasMessage(
                "The source has multifd on: channel 0 came, and this side was told of none");
        assertThat(ending.cause()).containsSame(given.join());
        closeMain(receiving);
        main.abort(new IllegalStateException("The test is over"));
      }
      multifd.abort(new IllegalStateException("The test is over"));
    }
  }

  @Test
  void whatComesTooLateIsClosed() throws Exception {
    try (Listener listener = TRANSPORTS.listen(Endpoint.parse("mem:late"));
        Arrivals arrivals = new Arrivals(listener, 1, new Ending());
        Dialer dialer = TRANSPORTS.dialer(Endpoint.parse("mem:late"));
        Channel silent = dialer.dial(soon());
        Channel main = dialer.dial(soon())) {
      Task<ChannelReader> receiving = Task.start("receiving", arrivals::awaitMain);
      say(main, MAIN);
      closeMain(receiving);
      arrivals.close();
      assertThatThrownBy(() -> silent.read(ByteBuffer.allocate(1)))
          .isInstanceOf(ChannelException.class);
      silent.abort(new IllegalStateException("The test is over"));
      main.abort(new IllegalStateException("The test is over"));
    }
  }

  private static void closeMain(Task<ChannelReader> receiving) throws Exception {
    Channel channel = receiving.result().channel();
    channel.abort(new IllegalStateException("The test is over"));
    channel.close();
  }

  private static void say(Channel channel, String hex) throws ChannelException {
    channel.write(ByteBuffer.wrap(HexFormat.of().parseHex(hex)));
    channel.flush();
  }

  private static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(10));
  }
}
