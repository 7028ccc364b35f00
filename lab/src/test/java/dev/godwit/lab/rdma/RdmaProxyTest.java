package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.engine.Ends;
import dev.godwit.lab.migration.InProcess;
import dev.godwit.migration.proxy.MigrationReport;
import dev.godwit.migration.proxy.ProxyOptions;
import dev.godwit.transport.Channel;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two proxies with {@code rdma:} between them carry any bytes, both ways at once. */
@Tag(Rdma.TAG)
final class RdmaProxyTest {
  private static final Seed SEED = Seed.of("RdmaProxyTest");
  private static final int OUT_BYTES = (6 << 20) + 17;
  private static final int BACK_BYTES = (3 << 20) + 5;

  @TempDir private Path directory;

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  private InProcess proxy(String listen, String target) throws Exception {
    return new InProcess(
        Ends.TRANSPORTS,
        listen,
        () -> Ends.TRANSPORTS.dialer(Endpoint.parse(target)),
        ProxyOptions.anyBytes());
  }

  @Test
  void bothDirectionsArriveWholeAndEndInOrder() throws Exception {
    Random random = SEED.random();
    byte[] out = Io.bytes(random, OUT_BYTES);
    byte[] back = Io.bytes(random, BACK_BYTES);
    try (Listener server =
            Ends.TRANSPORTS.listen(Endpoint.parse("unix:" + directory.resolve("d.sock")));
        InProcess far = proxy(Rdma.uri(""), server.local().toString());
        InProcess near = proxy("unix:" + directory.resolve("s.sock"), far.local().toString());
        Dialer dialer = Ends.TRANSPORTS.dialer(near.local());
        Channel client = dialer.dial(soon())) {
      Task<Channel> accepting = Task.start("accept", () -> server.accept(soon()));
      Task<Boolean> sending =
          Task.start(
              "send",
              () -> {
                Io.send(client, out);
                client.shutdownOutput();
                return true;
              });
      try (Channel accepted = accepting.result()) {
        Task<byte[]> arriving = Task.start("receive", () -> Io.drain(accepted));
        Task<byte[]> returning = Task.start("hear", () -> Io.receive(client, back.length));
        Io.send(accepted, back);
        assertThat(returning.result()).as("godwit.seed=%s", SEED).isEqualTo(back);
        assertThat(arriving.result()).as("godwit.seed=%s", SEED).isEqualTo(out);
        assertThat(sending.result()).isTrue();
        // This direction goes on after the other one's end.
        Task<byte[]> rest = Task.start("hear the rest", () -> Io.drain(client));
        Io.send(accepted, back);
        accepted.shutdownOutput();
        assertThat(rest.result()).as("godwit.seed=%s", SEED).isEqualTo(back);
      }
      for (InProcess each : new InProcess[] {near, far}) {
        MigrationReport report = each.report();
        assertThat(report.outcome()).as("%s", report).isEqualTo(MigrationReport.Outcome.DELIVERED);
        assertThat(report.forwardBytes()).isEqualTo(OUT_BYTES);
        assertThat(report.backwardBytes()).isEqualTo(2L * BACK_BYTES);
      }
    }
  }
}
