package dev.godwit.migration.cli;

import dev.godwit.migration.proxy.MigrationReport;
import dev.godwit.migration.proxy.Proxy;
import dev.godwit.migration.proxy.ProxyOptions;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "proxy",
    header = "Carries migrations from one address to another.",
    description = {
      "Listens at LISTEN and carries each migration that a QEMU, libvirt or another Godwit sends there to TARGET, one after the other, "
          + "byte for byte. Both are migration URIs as QEMU writes them; 'godwit transports' lists the schemes.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  godwit proxy unix:/run/mig.sock tcp:hostb:7700    on the source host",
      "  godwit proxy tcp:0:7700 unix:/run/mig.sock        on the destination host",
      "  godwit proxy --require-encryption --tls-creds /etc/pki/qemu unix:/run/mig.sock tls:hostb:7700"
    },
    sortOptions = false)
final class ProxyCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "LISTEN", description = "Where sources connect")
  private String listen = "";

  @Parameters(index = "1", paramLabel = "TARGET", description = "Where each migration goes")
  private String target = "";

  @Option(names = "--once", description = "Carry one migration and exit with its outcome")
  private boolean once;

  @Option(
      names = "--opaque",
      description = "Carry any bytes, each connection for itself (NBD disks, other hypervisors)")
  private boolean opaque;

  @Option(
      names = "--max-ram",
      paramLabel = "SIZE",
      description =
          "The most memory to take for a guest that comes from a QEMU's own rdma: or goes to one, twice its RAM (default: what this host has free)")
  private Optional<String> maxRam = Optional.empty();

  @Mixin private final EncryptionOptions encryption = new EncryptionOptions();
  @Mixin private final Output output = new Output();

  @Override
  public Integer call() throws ChannelException, CommandFailure {
    Transports transports = Transports.load();
    List<Endpoint> both = encryption.endpoints(transports, listen, target);
    Endpoint from = both.getFirst();
    Endpoint to = both.getLast();
    transports.dialer(to).close();
    ProxyOptions options = options();
    AtomicReference<Runnable> cancel = new AtomicReference<>(() -> {});
    // The outermost, so that a process that is asked to end has removed its socket before it is
    // gone.
    try (Termination termination = Termination.calls(() -> cancel.get().run());
        Listener listener = transports.listen(from);
        Proxy proxy =
            new Proxy(
                listener,
                () -> transports.dialer(to),
                transports::shortcut,
                options,
                this::report)) {
      cancel.set(() -> proxy.abort(new ChannelException.Aborted("Asked to end", null)));
      termination.check(cancel.get());
      LoggerFactory.getLogger(ProxyCommand.class)
          .info("Listening at {} for {}", listener.local(), to);
      return proxy.run(once).map(ProxyCommand::exitCode).orElse(ExitCode.ABORTED).code();
    }
  }

  private ProxyOptions options() {
    if (opaque) {
      return ProxyOptions.anyBytes();
    }
    if (maxRam.isPresent()) {
      long bytes = ImageOptions.parseMaxRam(maxRam.get());
      return ProxyOptions.migration().keeping(() -> bytes);
    }
    return ProxyOptions.migration();
  }

  static ExitCode exitCode(MigrationReport report) {
    return switch (report.outcome()) {
      case COMPLETED, DELIVERED -> ExitCode.DONE;
      case UNKNOWN -> ExitCode.UNKNOWN;
      case FAILED ->
          report.failure().orElse(null) instanceof ChannelException failure
              ? ExitCode.of(failure)
              : ExitCode.FAILED;
    };
  }

  private void report(MigrationReport report) {
    output.line(
        String.format(
            Locale.ROOT,
            "Migration%s: %s, %.3f s%s",
            report.machine().map(m -> " of " + m).orElse(""),
            report.outcome().name().toLowerCase(Locale.ROOT),
            report.seconds(),
            report.cause().map(c -> " (" + c + ")").orElse("")));
    ChannelLines.of(report.channels(), output.isVerbose()).forEach(output::line);
    output.document("proxy", members(report));
  }

  static Map<String, Object> members(MigrationReport report) {
    return Map.of(
        "outcome", report.outcome().name().toLowerCase(Locale.ROOT),
        "cause", report.cause().orElse(""),
        "machine", report.machine().orElse(""),
        "return-path", report.returnPath(),
        "seconds", report.seconds(),
        "forward-bytes", report.forwardBytes(),
        "backward-bytes", report.backwardBytes(),
        "channels", report.channels().stream().map(ChannelLines::members).toList());
  }
}
