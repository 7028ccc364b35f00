package dev.godwit.migration.cli;

import dev.godwit.channel.inspect.Damage;
import dev.godwit.channel.inspect.Inspection;
import dev.godwit.channel.inspect.MigrationInspector;
import dev.godwit.channel.inspect.StreamInspector;
import dev.godwit.channel.inspect.UnsafeSourceException;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Settings;
import dev.godwit.transport.Transports;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "inspect",
    header = "Tells what is in a migration stream.",
    description = {
      "Reads a saved stream or mapped-ram file, or accepts a migration at URI, and shows machine, RAM blocks, pages by kind, sections, "
          + "devices with the values of their fields, and what every byte is for. A source that migrates to here is never told that its "
          + "guest has arrived, so the guest stays there.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  godwit inspect vm.img",
      "  godwit inspect vm.img --device cpu",
      "  godwit inspect 'exec:zcat vm.img.gz' --json",
      "  godwit inspect unix:/run/in.sock"
    },
    sortOptions = false)
final class InspectCommand implements Callable<Integer> {
  /** What comes by these the user has put there; nobody migrates to them from elsewhere. */
  private static final Set<String> RECORDINGS = Set.of("file", "exec", "fd");

  @Parameters(
      index = "0",
      paramLabel = "FILE|URI",
      description = "A file, or where a source connects; file:/path,offset=N begins at an offset")
  private String target = "";

  @Option(
      names = "--device",
      paramLabel = "NAME",
      description = "Print the fields of devices with NAME in their names, and nothing else")
  private List<String> devices = new ArrayList<>();

  @Option(names = "--ram", description = "Print pages by RAM block and kind, and each round")
  private boolean ram;

  @Option(names = "--sections", description = "Print every section and command in its order")
  private boolean sections;

  @Mixin private final Output output = new Output();

  @Override
  public Integer call() throws ChannelException, CommandFailure, InterruptedException {
    Transports transports = Transports.load();
    Endpoint at = endpoint(target);
    Schemes.requireUsable(transports, List.of(at));
    AtomicReference<Runnable> cancel = new AtomicReference<>(() -> {});
    // The outermost, so that a process that is asked to end has removed its socket before it is
    // gone.
    try (Termination termination = Termination.calls(() -> cancel.get().run())) {
      Consumer<Runnable> whenAsked =
          abort -> {
            cancel.set(abort);
            termination.check(abort);
          };
      return print(
          RECORDINGS.contains(at.scheme())
              ? inspectRecording(transports, at, whenAsked)
              : inspectLive(transports, at, whenAsked));
    } catch (UnsafeSourceException e) {
      throw new CommandFailure(
          ExitCode.REFUSED_BY_CHECK, e.getMessage() + "; the guest stays at the source");
    }
  }

  /** What names no scheme is a file, and so is what exists under that very name. */
  private static Endpoint endpoint(String target) {
    if (exists(target)) {
      return new Endpoint("file", target, Settings.none());
    }
    return Endpoint.parse(target.indexOf(':') < 0 ? "file:" + target : target);
  }

  private static boolean exists(String name) {
    try {
      return !name.isEmpty() && Files.exists(Path.of(name));
    } catch (InvalidPathException e) {
      return false;
    }
  }

  private static Inspection inspectRecording(
      Transports transports, Endpoint at, Consumer<Runnable> whenAsked)
      throws ChannelException, UnsafeSourceException {
    try (Listener listener = transports.listen(at);
        Channel channel = listener.accept(Deadline.never());
        StreamInput in = new StreamInput(channel, "main")) {
      whenAsked.accept(() -> channel.abort(asked()));
      Inspection inspection =
          new Inspection(StreamInspector.ofRecording(channel, in).inspect(), List.of());
      if (inspection.damage().isPresent()) {
        channel.abort(new ChannelException.Aborted("The rest is of no use", null));
      }
      return inspection;
    }
  }

  private Inspection inspectLive(Transports transports, Endpoint at, Consumer<Runnable> whenAsked)
      throws ChannelException, UnsafeSourceException, InterruptedException {
    try (Listener listener = transports.listen(at)) {
      MigrationInspector inspector = new MigrationInspector(listener);
      whenAsked.accept(() -> inspector.abort(asked()));
      output.note("Waiting for a source at " + listener.local());
      Inspection inspection = inspector.inspect();
      output.note(
          "Note: the source was not told that its guest arrived; its migration fails, and the"
              + " guest stays there");
      return inspection;
    }
  }

  private static ChannelException asked() {
    return new ChannelException.Aborted("Asked to end", null);
  }

  private int print(Inspection inspection) throws CommandFailure {
    Optional<Damage> damage = inspection.damage();
    if (damage.isPresent() && !inspection.main().isStream()) {
      throw new CommandFailure(exitCode(damage.get()), name() + ": " + plainSentence(damage.get()));
    }
    InspectTable table = new InspectTable(output, inspection);
    if (devices.isEmpty()) {
      table.print(ram, sections);
    } else if (!table.printDevices(devices)) {
      throw new CommandFailure(
          ExitCode.USAGE, name() + " has no device with " + String.join(" or ", devices));
    }
    output.document("inspect", new InspectDocument(inspection, devices).members(target));
    damage.ifPresent(
        d -> output.err().println("godwit inspect: " + name() + ": " + Printable.of(d.sentence())));
    return damage.map(InspectCommand::exitCode).orElse(ExitCode.DONE).code();
  }

  private String name() {
    return Printable.of(target);
  }

  /** Where nothing was understood, the place says nothing. */
  private static String plainSentence(Damage damage) {
    return Printable.of(
        damage.cause() instanceof StreamException e ? e.sentence() : damage.sentence());
  }

  static ExitCode exitCode(Damage damage) {
    return switch (damage.cause()) {
      case ChannelException e -> ExitCode.of(e);
      case StreamException e ->
          switch (e.kind()) {
            case TRUNCATED -> ExitCode.ENDED_EARLY;
            case MALFORMED, MISMATCHED -> ExitCode.VIOLATED;
            case UNSUPPORTED -> ExitCode.UNSUPPORTED;
          };
      default -> ExitCode.BUG;
    };
  }
}
