package dev.godwit.lab.migration;

import dev.godwit.migration.proxy.MigrationReport;
import dev.godwit.migration.proxy.Proxy;
import dev.godwit.migration.proxy.ProxyOptions;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A proxy on threads of the test's process. */
public final class InProcess implements AutoCloseable {
  private final Listener listener;
  private final Proxy proxy;
  private final Thread runner;
  private final BlockingQueue<MigrationReport> reports = new LinkedBlockingQueue<>();

  public InProcess(Transports transports, String listen, String target) throws ChannelException {
    this(transports, listen, () -> transports.dialer(Endpoint.parse(target)));
  }

  public InProcess(Transports transports, String listen, Proxy.Target target)
      throws ChannelException {
    this(transports, listen, target, ProxyOptions.migration());
  }

  public InProcess(Transports transports, String listen, Proxy.Target target, ProxyOptions options)
      throws ChannelException {
    listener = transports.listen(Endpoint.parse(listen));
    proxy = new Proxy(listener, target, transports::shortcut, options, reports::add);
    runner = Thread.ofPlatform().name("proxy " + listen).start(() -> proxy.run(false));
  }

  public Endpoint local() {
    return listener.local();
  }

  public MigrationReport report() throws Exception {
    MigrationReport report = reports.poll(TwoQemus.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    if (report == null) {
      throw new TimeoutException("The proxy at " + local() + " has not ended its migration");
    }
    return report;
  }

  @Override
  public void close() throws Exception {
    proxy.abort(new ChannelException.Aborted("The test has ended", null));
    runner.join(Duration.ofSeconds(20));
    proxy.close();
  }
}
