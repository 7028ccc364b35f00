package dev.godwit.lab.rehearsal;

import dev.godwit.migration.cli.ExitCode;
import dev.godwit.migration.cli.Subcommand;
import dev.godwit.migration.proxy.Proxy;
import dev.godwit.migration.proxy.ProxyOptions;
import dev.godwit.transport.Channel;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Settings;
import dev.godwit.transport.Transports;
import dev.godwit.transport.tls.credentials.CredentialsMaker;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.stream.Stream;
import picocli.CommandLine.Command;

/**
 * {@code godwit rehearse}: carries bytes through two proxies over each fabric that should be quick
 * from its first gigabyte on, all in this process.
 */
@Command(
    name = "rehearse",
    hidden = true,
    header = "Carries bytes of its own, for the JVM to learn from.")
public final class RehearseCommand implements Subcommand, Callable<Integer> {
  private static final int BUFFER_BYTES = 1 << 20;

  /** Enough for what runs once a record to be worth compiling; what is spliced is the kernel's. */
  private static final long TLS_BYTES = 1L << 30;

  private static final long TCP_BYTES = 64 << 20;
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private final Transports transports = Transports.load();

  /** For {@link java.util.ServiceLoader}. */
  public RehearseCommand() {}

  @Override
  public Integer call() throws Exception {
    Path directory = Files.createTempDirectory("godwit-rehearsal");
    try {
      Path credentials = directory.resolve("pki");
      new CredentialsMaker(credentials).x509(List.of(CredentialsMaker.Host.parse("localhost")), 1);
      carry(directory, "tcp", Settings.none(), TCP_BYTES);
      carry(
          directory,
          "tls",
          Settings.none()
              .with("tls-creds", credentials.toString())
              .with("tls-hostname", "localhost"),
          TLS_BYTES);
    } finally {
      delete(directory);
    }
    return ExitCode.DONE.code();
  }

  /** From a unix socket through two proxies to another. */
  private void carry(Path directory, String scheme, Settings settings, long bytes)
      throws Exception {
    Endpoint in = Endpoint.parse("unix:" + directory.resolve(scheme + "-in"));
    Endpoint out = Endpoint.parse("unix:" + directory.resolve(scheme + "-out"));
    try (Listener sink = transports.listen(out);
        Listener fabric = transports.listen(new Endpoint(scheme, "127.0.0.1:0", settings));
        Listener source = transports.listen(in)) {
      FutureTask<Object> onward = proxy(fabric, out);
      FutureTask<Object> first = proxy(source, fabric.local().with(settings));
      FutureTask<Object> arriving = start(() -> drain(sink));
      send(in, bytes);
      arriving.get();
      first.get();
      onward.get();
    }
  }

  private FutureTask<Object> proxy(Listener listener, Endpoint to) {
    Proxy proxy =
        new Proxy(
            listener,
            () -> transports.dialer(to),
            transports::shortcut,
            ProxyOptions.anyBytes(),
            report -> {});
    return start(() -> proxy.run(true));
  }

  private static FutureTask<Object> start(Callable<Object> body) {
    FutureTask<Object> task = new FutureTask<>(body);
    Thread.ofPlatform().name("godwit-rehearsal").daemon().start(task);
    return task;
  }

  private void send(Endpoint to, long bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    try (Dialer dialer = transports.dialer(to);
        Channel channel = dialer.dial(Deadline.after(PATIENCE))) {
      for (long done = 0; done < bytes; done += BUFFER_BYTES) {
        channel.write(buffer.clear());
      }
      channel.shutdownOutput();
      while (channel.read(buffer.clear()) >= 0) {
        // Nothing is answered but the end.
      }
    }
  }

  private static Object drain(Listener listener) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    long bytes = 0;
    try (Channel channel = listener.accept(Deadline.after(PATIENCE))) {
      for (int read = 0; read >= 0; read = channel.read(buffer.clear())) {
        bytes += read;
      }
    }
    return bytes;
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
