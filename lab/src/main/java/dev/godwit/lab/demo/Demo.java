package dev.godwit.lab.demo;

import dev.godwit.lab.embedded.DirtyShape;
import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.migration.engine.MigrationStatistics;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.Availability;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.RegistrationStats;
import dev.godwit.transport.Settings;
import dev.godwit.transport.Transport;
import dev.godwit.transport.Transports;
import dev.godwit.transport.tls.credentials.CredentialsMaker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Migrates a lab guest over one transport after the other. One thread, but for {@link #cancel}. */
final class Demo implements AutoCloseable {
  /** What each processor writes: enough for several passes, and no link is too slow for it. */
  private static final long WRITES_PER_SECOND = 5_000;

  /** One part in so many of the memory is in huge pages. */
  private static final long HUGE_SHARE = 8;

  private static final long HUGE_PAGE_BYTES = 2 << 20;

  private static final int CREDENTIALS_DAYS = 1;

  /** Smaller than QEMU's, so that there are passes to be seen. */
  private static final int DOWNTIME_LIMIT_MILLIS = 50;

  private final Transports transports;
  private final LabSpec spec;
  private final int channels;
  private final Path directory;
  private final int downtimeLimitMillis;
  private final OwnCommand own;
  private Optional<Companion> companion = Optional.empty();
  private Optional<Running> running = Optional.empty();
  private boolean cancelled;

  /** What a cancel ends. */
  private record Running(SourceMigration migration, Destination destination) {}

  /**
   * @param ramBytes of the guest, in whole MiB
   * @param channels of legs with multifd
   * @param directory for sockets and files, which the demo removes itself
   */
  Demo(Transports transports, long ramBytes, int channels, Path directory) {
    this(
        transports,
        ramBytes,
        channels,
        directory,
        DOWNTIME_LIMIT_MILLIS,
        OwnCommand.ofThisProcess());
  }

  /**
   * The same on a host that may need longer to move the last of a guest.
   *
   * @param own starts the second process
   */
  Demo(
      Transports transports,
      long ramBytes,
      int channels,
      Path directory,
      int downtimeLimitMillis,
      OwnCommand own) {
    this.own = own;
    this.transports = transports;
    this.spec = spec(ramBytes);
    this.channels = channels;
    this.directory = directory;
    this.downtimeLimitMillis = downtimeLimitMillis;
  }

  /** The guest of the demo, the same in both processes. */
  static LabSpec spec(long ramBytes) {
    long huge = ramBytes / HUGE_SHARE & -HUGE_PAGE_BYTES;
    return LabSpec.of(ramBytes - huge, DirtyShape.HOT_SET, WRITES_PER_SECOND).withHuge(huge);
  }

  /** Every transport once plain, and once with multifd if it can carry that. */
  List<Leg> legs() {
    List<Leg> legs = new ArrayList<>();
    for (Transport transport : transports.all()) {
      legs.add(new Leg(transport.scheme(), 0));
      if (transport.capabilities().manyChannels()) {
        legs.add(new Leg(transport.scheme(), channels));
      }
    }
    return legs;
  }

  synchronized boolean isCancelled() {
    return cancelled;
  }

  /** Ends the leg that runs, and lets no other begin; any thread. */
  void cancel() {
    Optional<Running> ending;
    synchronized (this) {
      cancelled = true;
      ending = running;
    }
    ending.ifPresent(Demo::end);
  }

  private static void end(Running running) {
    running.migration.cancel("The demo was asked to end");
    running.destination.cancel();
  }

  private void begins(Running now) {
    boolean late;
    synchronized (this) {
      running = Optional.of(now);
      late = cancelled;
    }
    if (late) {
      end(now);
    }
  }

  private synchronized void ended() {
    running = Optional.empty();
  }

  /**
   * Migrates a new guest.
   *
   * @param watch is given the migration before it begins; what it returns is closed after it
   */
  LegOutcome run(Leg leg, Watch watch) {
    if (transports.of(leg.scheme()).availability() instanceof Availability.Unavailable why) {
      return new LegOutcome.NotHere(why.cause());
    }
    if (leg.scheme().equals("fd")) {
      return new LegOutcome.NotHere("It is for descriptors that another program hands over");
    }
    if (leg.scheme().equals("rdma") && rdmaHost().isEmpty()) {
      return new LegOutcome.NotHere("No active port of an RDMA device has an IPv4 address as GID");
    }
    // The second process starts while this one makes its guest.
    try (Destination destination = destination(leg);
        LabGuest guest = LabGuest.create(spec)) {
      return run(leg, watch, guest, destination);
    } catch (MigrationException | GuestException | EndpointException | IOException e) {
      return new LegOutcome.Failed(
          isCancelled() ? "It was cancelled" : String.valueOf(e.getMessage()));
    }
  }

  private LegOutcome run(Leg leg, Watch watch, LabGuest guest, Destination destination)
      throws MigrationException, GuestException, IOException {
    Endpoint target = leg.isSaved() ? address(leg) : target(leg, destination.address());
    guest.resume();
    Map<String, String> settings = new HashMap<>();
    settings.put("max-bandwidth", "0");
    settings.put("downtime-limit", Integer.toString(downtimeLimitMillis));
    settings.put("auto-converge", "on");
    settings.putAll(leg.settings());
    MigrationStatistics statistics;
    long passes;
    RegistrationStats registered;
    GuestProof proof;
    try (Dialer dialer = transports.dialer(target);
        SourceMigration migration =
            new SourceMigration(
                guest,
                dialer,
                EngineParameters.of(settings),
                leg.isSaved() ? DestinationKind.FILE : DestinationKind.GODWIT)) {
      begins(new Running(migration, destination));
      try (Watch.Watching watching = watch.begin(leg, migration)) {
        migration.migrate();
      }
      statistics = migration.statistics();
      passes = migration.passes();
      registered = dialer.peer().registrations();
      if (guest.isRunning()) {
        return new LegOutcome.Failed("The guest runs at the source after it was given up");
      }
      proof = destination.proof();
    } finally {
      ended();
    }
    return new LegOutcome.Moved(statistics, passes, registered, proof);
  }

  private Destination destination(Leg leg) throws IOException {
    Endpoint address = address(leg);
    if (leg.scheme().equals("mem")) {
      return new ThreadDestination(transports, address, spec, leg);
    }
    return new ProcessDestination(companion(), address, leg);
  }

  /** The second process; a new one where there is none, or the last one ended with its leg. */
  private Companion companion() throws IOException {
    if (companion.isEmpty() || !companion.get().isAlive()) {
      companion = Optional.of(new Companion(own, spec.ramBytes() + spec.hugeBytes()));
    }
    return companion.get();
  }

  /** Where the destination listens. */
  private Endpoint address(Leg leg) throws IOException {
    return switch (leg.scheme()) {
      case "unix", "exec" -> endpoint("unix", directory.resolve(leg.scheme() + ".sock").toString());
      case "file" -> endpoint("file", directory.resolve("guest.img").toString());
      case "mem" -> endpoint("mem", directory.getFileName().toString());
      case "tls" -> withCredentials(endpoint("tls", "127.0.0.1:0"));
      case "rdma" -> endpoint("rdma", rdmaHost().orElse("127.0.0.1") + ":0");
      // A transport that the demo does not know is one between hosts.
      default -> endpoint(leg.scheme(), "127.0.0.1:0");
    };
  }

  /** No device has the loopback address, so it is the first one that a port has. */
  private Optional<String> rdmaHost() {
    return RdmaPorts.firstAddress(transports.of("rdma").facts());
  }

  private static Endpoint endpoint(String scheme, String address) {
    return new Endpoint(scheme, address, Settings.none());
  }

  /** Where the source goes to get there. */
  private Endpoint target(Leg leg, Endpoint listening) throws IOException {
    return switch (leg.scheme()) {
      case "exec" -> endpoint("exec", own.shell(List.of("demo", "--relay", listening.address())));
      case "tls" -> withCredentials(endpoint("tls", listening.address()));
      default -> listening;
    };
  }

  /** Both processes are of this host and have the same ones, made when they are first needed. */
  private Endpoint withCredentials(Endpoint endpoint) throws IOException {
    Path credentials = credentials();
    if (Files.notExists(credentials)) {
      new CredentialsMaker(credentials)
          .x509(List.of(CredentialsMaker.Host.parse("localhost")), CREDENTIALS_DAYS);
    }
    return endpoint.with(endpoint.settings().with("tls-creds", credentials.toString()));
  }

  private Path credentials() {
    return directory.resolve("tls");
  }

  /**
   * Removes what a leg left: a file, or a socket where it failed. Credentials stay for the next.
   */
  void sweep() throws IOException {
    try (var files = Files.list(directory)) {
      for (Path file : files.filter(path -> !path.equals(credentials())).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }

  /** Ends the second process and removes the credentials. */
  @Override
  public void close() throws IOException {
    companion.ifPresent(Companion::close);
    if (Files.exists(credentials())) {
      try (var files = Files.list(credentials())) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(credentials());
    }
  }
}
