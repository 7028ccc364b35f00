package dev.godwit.lab.engine;

import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.migration.guest.Guest;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Task;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** Both ends of one migration in this process, with everything they need. */
public final class Ends implements AutoCloseable {
  public static final Transports TRANSPORTS = Transports.load();

  private final Listener listener;
  private final Dialer dialer;
  private final SourceMigration source;
  private final DestinationMigration destination;
  private final boolean later;

  private Ends(
      Listener listener,
      Dialer dialer,
      SourceMigration source,
      DestinationMigration destination,
      boolean later) {
    this.listener = listener;
    this.dialer = dialer;
    this.source = source;
    this.destination = destination;
    this.later = later;
  }

  /** Parameters of a migration that nothing slows down. */
  public static EngineParameters parameters(String... settings) {
    EngineParameters parameters =
        EngineParameters.defaults().with(Map.of("max-bandwidth", "0", "downtime-limit", "2000"));
    for (String setting : settings) {
      String[] parts = setting.split("=", 2);
      parameters = parameters.with(Map.of(parts[0], parts.length == 1 ? "on" : parts[1]));
    }
    return parameters;
  }

  static Ends of(Guest from, Guest to, Way way, Path directory, EngineParameters parameters)
      throws ChannelException {
    return of(from, to, way, directory, parameters, parameters);
  }

  /**
   * @param way with its names, or to be named in {@code directory}
   */
  static Ends of(
      Guest from,
      Guest to,
      Way way,
      Path directory,
      EngineParameters atSource,
      EngineParameters atDestination)
      throws ChannelException {
    Way mine = way.in(directory);
    Endpoint address = Endpoint.parse(mine.listen());
    Listener listener =
        mine.isFile() ? new LateListener(TRANSPORTS, address) : TRANSPORTS.listen(address);
    String uri = mine.dial().isEmpty() ? listener.local().toString() : mine.dial();
    Dialer dialer = TRANSPORTS.dialer(Endpoint.parse(uri));
    return of(from, to, listener, dialer, mine.isFile(), atSource, atDestination);
  }

  public static Ends of(
      Guest from,
      Guest to,
      Listener listener,
      Dialer dialer,
      boolean file,
      EngineParameters atSource,
      EngineParameters atDestination) {
    DestinationKind kind = file ? DestinationKind.FILE : DestinationKind.GODWIT;
    return new Ends(
        listener,
        dialer,
        new SourceMigration(from, dialer, atSource, kind),
        new DestinationMigration(to, listener, atDestination),
        file);
  }

  public SourceMigration source() {
    return source;
  }

  public DestinationMigration destination() {
    return destination;
  }

  /** Begins at both ends; a file is read once it is written. */
  public Task<Optional<MigrationException>> start() {
    if (!later) {
      destination.start();
    }
    return Task.start(
        "source",
        () -> {
          try {
            source.migrate();
            return Optional.empty();
          } catch (MigrationException e) {
            return Optional.of(e);
          }
        });
  }

  /** Migrates, and fails if either end does. */
  public void migrate() throws MigrationException {
    Optional<MigrationException> failure = start().result();
    if (failure.isPresent()) {
      try {
        destination.cancel("the source failed");
        destination.await();
      } catch (MigrationException e) {
        failure.get().addSuppressed(e);
      }
      throw failure.get();
    }
    if (later) {
      destination.start();
    }
    destination.await();
  }

  /** What the destination met; fails if it met nothing. */
  public MigrationException destinationFailure() {
    try {
      destination.await();
    } catch (MigrationException e) {
      return e;
    }
    throw new AssertionError("The destination has the guest");
  }

  @Override
  public void close() throws ChannelException {
    source.close();
    destination.close();
    dialer.close();
    listener.close();
  }
}
