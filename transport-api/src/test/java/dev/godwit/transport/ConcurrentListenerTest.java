package dev.godwit.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.contract.Pair;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Task;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Channels here are ready once their peer has sent one byte, and refused if that is a zero. */
final class ConcurrentListenerTest {
  private final Exception reason = new Exception("The reason this test aborts for");
  private static final int MOST_WAITING = 512;

  private final Path scratch;
  private final Endpoint address = Endpoint.parse("mem:" + UUID.randomUUID() + "?backlog=1000");
  private final List<AutoCloseable> open = new ArrayList<>();
  private final AtomicInteger wrapping = new AtomicInteger();
  private Dialer dialer;
  private Listener listener;

  ConcurrentListenerTest(@TempDir Path scratch) {
    this.scratch = scratch;
  }

  @BeforeEach
  void open() throws Exception {
    listener = listening(false);
    dialer = Transports.load().dialer(address);
  }

  @AfterEach
  void close() throws Exception {
    listener.close();
    for (AutoCloseable opened : open) {
      opened.close();
    }
    dialer.close();
  }

  private Listener listening(boolean single) throws ChannelException {
    return new ConcurrentListener(Transports.load().listen(address), this::wrap, single);
  }

  private Channel wrap(Channel inner, Deadline deadline) throws ChannelException {
    wrapping.incrementAndGet();
    ByteBuffer first = ByteBuffer.allocate(1);
    try {
      if (inner.read(first) < 0 || first.get(0) == 0) {
        throw new ChannelException.Untrusted("The peer said zero");
      }
      if (first.get(0) < 0) {
        throw new IllegalStateException("The wrapper itself is broken");
      }
      return inner;
    } catch (ChannelException | RuntimeException e) {
      inner.abort(e);
      inner.close();
      throw e;
    }
  }

  private Channel dial() throws ChannelException {
    Channel channel = dialer.dial(Pair.soon());
    open.add(channel);
    return channel;
  }

  private Channel dialReady(int number) throws ChannelException {
    Channel channel = dial();
    Io.send(channel, new byte[] {1, (byte) number});
    return channel;
  }

  private Channel accept() throws ChannelException {
    Channel channel = listener.accept(Pair.soon());
    open.add(channel);
    return channel;
  }

  private static int number(Channel accepted) throws ChannelException {
    return Io.receive(accepted, 1)[0];
  }

  private void awaitWrapping(int count) {
    Await.until(count + " are being wrapped", () -> wrapping.get() == count);
  }

  @Test
  void aChannelThatIsReadyLaterKeepsItsPlace() throws Exception {
    Task<Channel> accepting = Task.start("accept", this::accept);
    Channel first = dial();
    awaitWrapping(1);
    dialReady(2);
    dialReady(3);
    awaitWrapping(3);
    Io.send(first, new byte[] {1, 1});
    assertThat(number(accepting.result())).isEqualTo(1);
    assertThat(number(accept())).isEqualTo(2);
    assertThat(number(accept())).isEqualTo(3);
  }

  @Test
  void aSilentOneHoldsUpTheOthersForABoundedTimeOnly() throws Exception {
    Task<Channel> accepting = Task.start("accept", this::accept);
    Channel silent = dial();
    awaitWrapping(1);
    dialReady(2);
    assertThat(number(accepting.result())).isEqualTo(2);
    Io.send(silent, new byte[] {1, 1});
    assertThat(number(accept())).isEqualTo(1);
  }

  @Test
  void whoIsRefusedIsClosedAndAcceptingGoesOn() throws Exception {
    Task<Channel> accepting = Task.start("accept", this::accept);
    Channel refused = dial();
    Io.send(refused, new byte[] {0});
    Channel broken = dial();
    Io.send(broken, new byte[] {-1});
    dialReady(3);
    assertThat(number(accepting.result())).isEqualTo(3);
    for (Channel gone : List.of(refused, broken)) {
      assertThatThrownBy(() -> gone.read(ByteBuffer.allocate(1)))
          .isInstanceOf(ChannelException.Lost.class);
    }
  }

  @Test
  void whereThereIsOneChannelOnlyItsRefusalIsTold() throws Exception {
    listener.close();
    listener = listening(true);
    Task<Channel> accepting = Task.start("accept", this::accept);
    Io.send(dial(), new byte[] {0});
    assertThat(accepting.failure())
        .isInstanceOf(ChannelException.Untrusted.class)
        .hasMessage("The peer said zero");
  }

  @Test
  void acceptTimesOutAndTheListenerGoesOn() throws Exception {
    assertThatThrownBy(() -> listener.accept(Deadline.after(Duration.ofMillis(20))))
        .isInstanceOf(ChannelException.TimedOut.class);
    Channel slow = dial();
    awaitWrapping(1);
    assertThatThrownBy(() -> listener.accept(Deadline.after(Duration.ofMillis(20))))
        .isInstanceOf(ChannelException.TimedOut.class);
    Io.send(slow, new byte[] {1, 7});
    assertThat(number(accept())).isEqualTo(7);
  }

  @Test
  void abortEndsWhoAcceptsAndWhoIsWrapped() throws Exception {
    Task<Channel> accepting = Task.start("accept", this::accept);
    Channel silent = dial();
    awaitWrapping(1);
    listener.abort(reason);
    assertThat(accepting.failure()).isInstanceOf(ChannelException.Aborted.class).hasCause(reason);
    assertThatThrownBy(() -> silent.read(ByteBuffer.allocate(1)))
        .isInstanceOf(ChannelException.Lost.class);
  }

  @Test
  void aFloodCostsTheOldestOfThoseThatAreSilent() throws Exception {
    Task<Channel> accepting = Task.start("accept", this::accept);
    Channel oldest = dial();
    awaitWrapping(1);
    Channel second = dial();
    awaitWrapping(2);
    for (int i = 2; i <= MOST_WAITING; i++) {
      dial();
    }
    awaitWrapping(MOST_WAITING + 1);
    assertThatThrownBy(() -> oldest.read(ByteBuffer.allocate(1)))
        .isInstanceOf(ChannelException.Lost.class);
    Io.send(second, new byte[] {1, 5});
    assertThat(number(accepting.result())).isEqualTo(5);
  }

  @Test
  void nothingIsLeftOfAListenerThatIsClosed() throws Exception {
    assertThatThrownBy(() -> listener.accept(Deadline.after(Duration.ZERO)))
        .isInstanceOf(ChannelException.TimedOut.class);
    listener.close();
    Leaks leaks = Leaks.baseline(scratch);
    for (int i = 0; i < 10; i++) {
      listener = listening(false);
      Task<Channel> accepting = Task.start("accept", this::accept);
      Channel ready = dialReady(1);
      assertThat(number(accepting.result())).isEqualTo(1);
      Channel silent = dial();
      Channel waiting = dialReady(2);
      awaitWrapping(3 * i + 3);
      listener.close();
      listener.close();
      assertThatThrownBy(() -> Io.drain(silent)).isInstanceOf(ChannelException.Lost.class);
      assertThatThrownBy(() -> listener.accept(Pair.soon()))
          .isInstanceOf(ChannelException.Aborted.class);
      waiting.abort(reason);
      ready.close();
    }
    leaks.awaitNone();
  }
}
