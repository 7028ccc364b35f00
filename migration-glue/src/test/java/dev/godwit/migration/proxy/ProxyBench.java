package dev.godwit.migration.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A proxy from one unix socket to another, with both ends in the test's hands. */
final class ProxyBench implements AutoCloseable {
  private final Path listen;
  private final Path target;
  private final ServerSocketChannel server;
  private final BlockingQueue<MigrationReport> reports = new LinkedBlockingQueue<>();
  private final List<Wire> wires = new ArrayList<>();
  private @Nullable Proxy proxy;
  private Thread runner = Thread.currentThread();

  ProxyBench(Path dir) throws IOException {
    listen = dir.resolve("listen.sock");
    target = dir.resolve("target.sock");
    server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(target), 1024);
  }

  void start(ProxyOptions options) throws ChannelException {
    Endpoint to = Endpoint.parse("unix:" + target);
    Transports transports = Transports.load();
    start(options, () -> transports.dialer(to));
  }

  void start(ProxyOptions options, Proxy.Target to) throws ChannelException {
    Transports transports = Transports.load();
    Listener listener = transports.listen(Endpoint.parse("unix:" + listen));
    Proxy started = new Proxy(listener, to, transports::shortcut, options, reports::add);
    proxy = started;
    runner = Thread.ofPlatform().name("proxy-under-test").start(() -> started.run(false));
  }

  Wire connect() throws IOException {
    Wire wire = new Wire(SocketChannel.open(UnixDomainSocketAddress.of(listen)));
    wires.add(wire);
    return wire;
  }

  Wire accept() throws IOException {
    Wire wire = new Wire(server.accept());
    wires.add(wire);
    return wire;
  }

  /** Nothing more has reached the destination by now. */
  void expectNoConnection() throws IOException {
    server.configureBlocking(false);
    assertThat(server.accept()).isNull();
    server.configureBlocking(true);
  }

  MigrationReport report() throws InterruptedException {
    MigrationReport report = reports.poll(Duration.ofSeconds(20).toMillis(), TimeUnit.MILLISECONDS);
    assertThat(report).as("the report of a migration that has ended").isNotNull();
    return report;
  }

  void removeDestination() throws IOException {
    server.close();
    Files.deleteIfExists(target);
  }

  void abort() throws InterruptedException {
    Objects.requireNonNull(proxy).abort(new ChannelException.Aborted("The test gives up", null));
    runner.join(Duration.ofSeconds(20));
  }

  /** After an abort: no thread, and no socket file once closed. */
  void expectNothingLeft() throws ChannelException {
    assertThat(runner.isAlive()).isFalse();
    Objects.requireNonNull(proxy).close();
    assertThat(listen).doesNotExist();
  }

  @Override
  public void close() throws Exception {
    if (proxy != null) {
      abort();
      Objects.requireNonNull(proxy).close();
    }
    for (Wire wire : wires) {
      wire.close();
    }
    server.close();
  }
}
