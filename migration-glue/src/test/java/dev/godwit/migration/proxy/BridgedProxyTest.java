package dev.godwit.migration.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.migration.proxy.MigrationReport.Outcome;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Placement;
import dev.godwit.transport.support.Ends;
import dev.godwit.transport.support.ForwardingChannel;
import dev.godwit.transport.testkit.Io;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The proxy towards a destination that places memory unseen, on one channel that goes one way. */
@Timeout(20)
final class BridgedProxyTest {
  @TempDir private Path dir;
  private ProxyBench bench;
  private Ends down;

  @BeforeEach
  void open() throws Exception {
    bench = new ProxyBench(dir);
    down = Ends.open("placement=inline");
    bench.start(ProxyOptions.migration(), () -> new SilentDialer(new OneWay(down.dialled())));
  }

  @AfterEach
  void close() throws Exception {
    bench.close();
    down.close();
  }

  @Test
  void aSourceThatOpensFurtherChannelsIsBrokenOff() throws Exception {
    Wire source = bench.connect();
    source.send(Stream.head().bytes());
    Wire further = bench.connect();
    further.send(Stream.multifd(0));
    further.expectBroken();
    source.expectBroken();
    MigrationReport report = bench.report();
    assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
    assertThat(report.cause())
        .contains(
            "QEMU's own rdma: has one channel, and the source opened multifd 0; turn multifd off");
  }

  @Test
  void aSourceThatWantsAnAnswerIsToldWhichSettingToChange() throws Exception {
    Wire source = bench.connect();
    source.send(Stream.head().openReturnPath().ping(1).bytes());
    source.expectBroken();
    MigrationReport report = bench.report();
    assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
    assertThat(report.cause())
        .hasValueSatisfying(
            cause ->
                assertThat(cause)
                    .startsWith("Source side of ")
                    .contains("turn return-path off at the source"));
  }

  @Test
  void aSourceThatEncryptsItselfCannotBeRead() throws Exception {
    Wire source = bench.connect();
    source.send(new byte[] {0x16, 3, 1, 0, 100, 1, 0, 0, 96, 3, 3});
    source.expectBroken();
    assertThat(bench.report().cause())
        .hasValueSatisfying(
            cause -> assertThat(cause).contains("takes a main stream that can be read"));
  }

  @Test
  void whatCameIsHandedOverBeforeMoreIsWaitedFor() throws Exception {
    Wire source = bench.connect();
    byte[] begin = Stream.head().ping(1).bytes();
    source.send(begin);
    assertThat(Io.receive(down.accepted(), begin.length)).isEqualTo(begin);
  }

  /** A connection of memory as a QEMU's own rdma: is one. */
  private static final class OneWay extends ForwardingChannel {
    OneWay(Channel inner) {
      super(inner);
    }

    @Override
    public ChannelInfo info() {
      Capabilities can = super.info().capabilities();
      return super.info()
          .with(new Capabilities(Placement.SILENT, can.protection(), false, false, false));
    }
  }

  /** Has one channel. */
  private record SilentDialer(Channel only) implements Dialer {
    @Override
    public Endpoint target() {
      return only.info().remote();
    }

    @Override
    public Peer peer() {
      return only.info().peer();
    }

    @Override
    public Channel dial(Deadline deadline) {
      return only;
    }

    @Override
    public void abort(Throwable cause) {}

    @Override
    public void close() throws ChannelException {}
  }
}
