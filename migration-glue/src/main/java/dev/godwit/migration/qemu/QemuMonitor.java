package dev.godwit.migration.qemu;

import dev.godwit.migration.qmp.QmpClient;
import dev.godwit.migration.qmp.QmpException;
import dev.godwit.transport.Deadline;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.time.Duration;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * One QEMU, driven over its QMP socket. Owns the connection. Safe for use by several threads.
 *
 * <p>Every command fails with a {@link QmpException} whose message can be shown: {@code Refused}
 * when QEMU says no, {@code MainLoopStuck} when its main loop leaves the command unanswered until
 * the deadline while its monitor thread still answers, {@code TimedOut} when neither does, {@code
 * Gone} when that QEMU has ended. Telling a stuck main loop from a stopped process can take {@link
 * #PROBE} beyond the deadline. QEMU answers in milliseconds, except that a source holds its answers
 * back while it waits for a stalled destination in its last pass: a deadline below that stall calls
 * it stuck.
 */
public final class QemuMonitor implements AutoCloseable {
  /** How long an out-of-band command may take before QEMU counts as not answering at all. */
  public static final Duration PROBE = Duration.ofSeconds(2);

  /** How long a change of settings may take to take back after it failed in the middle. */
  private static final Duration UNDO = Duration.ofSeconds(5);

  /** How often {@link #awaitMigration} asks while no event tells it to. */
  private static final Duration POLL = Duration.ofMillis(100);

  /** The first release whose destination can stay after a failure, to say why it failed. */
  private static final QemuRelease EXIT_ON_ERROR = QemuRelease.of("9.1");

  private static final String MACHINE_SUFFIX = "-machine";

  private final QmpClient client;
  private final QemuVersion version;

  private QemuMonitor(QmpClient client) {
    this.client = client;
    this.version = QemuVersion.of(client.greeting());
  }

  /** Connects to the monitor at {@code socket}; see {@link QmpClient#connect}. */
  public static QemuMonitor connect(Path socket, Deadline deadline) throws QmpException {
    return new QemuMonitor(QmpClient.connect(socket, deadline));
  }

  /** The socket that this QEMU is reached by, which also names it in messages. */
  public Path socket() {
    return client.path();
  }

  public QemuVersion version() {
    return version;
  }

  /** Whether {@link #yankMigration} can be used. */
  public boolean outOfBand() {
    return client.outOfBand();
  }

  /** Subscribes to events from now on. Close it when no longer read. */
  public QemuEvents events() throws QmpException {
    return new QemuEvents(client.events());
  }

  /** The user that this QEMU runs as, where the system tells. */
  public Optional<UserPrincipal> peer() {
    return client.peer();
  }

  /** The machine type of this QEMU by its canonical name, as it stands at the head of a stream. */
  public Optional<String> machine(Deadline deadline) throws QmpException {
    ObjectNode arguments = client.arguments().put("path", "/machine").put("property", "type");
    String type = call("qom-get", arguments, deadline).asString("");
    return type.endsWith(MACHINE_SUFFIX)
        ? Optional.of(type.substring(0, type.length() - MACHINE_SUFFIX.length()))
        : Optional.empty();
  }

  /** The guest's memory as given with {@code -m}, in bytes, without ROMs and hotplugged modules. */
  public long memoryBytes(Deadline deadline) throws QmpException {
    return call("query-memory-size-summary", deadline).path("base-memory").asLong(0);
  }

  /** What the guest does. */
  public RunStatus status(Deadline deadline) throws QmpException {
    JsonNode answer = call("query-status", deadline);
    return RunStatus.of(
        answer.path("status").asString(""), answer.path("running").asBoolean(false));
  }

  /** How this QEMU is set up to migrate. What the tables do not know is left out. */
  public QemuSettings settings(Deadline deadline) throws QmpException {
    Set<MigrationCapability> offered = EnumSet.noneOf(MigrationCapability.class);
    Set<MigrationCapability> on = EnumSet.noneOf(MigrationCapability.class);
    for (JsonNode entry : call("query-migrate-capabilities", deadline)) {
      MigrationCapability.named(entry.path("capability").asString(""))
          .ifPresent(
              capability -> {
                offered.add(capability);
                if (entry.path("state").asBoolean(false)) {
                  on.add(capability);
                }
              });
    }
    Map<MigrationParameter, ParameterValue> parameters = new EnumMap<>(MigrationParameter.class);
    for (Map.Entry<String, JsonNode> entry :
        call("query-migrate-parameters", deadline).properties()) {
      MigrationParameter.named(entry.getKey())
          .ifPresent(
              parameter ->
                  ParameterValue.of(entry.getValue())
                      .ifPresent(value -> parameters.put(parameter, value)));
    }
    return new QemuSettings(version, offered, on, parameters);
  }

  /**
   * Changes what differs from {@code settings} and returns how it was, for {@link #restore}. Does
   * not judge the settings: {@link MigrationSettings#check(QemuSettings)} does, with better words.
   * If QEMU refuses any of them, what was changed is taken back before this throws.
   */
  public SavedSettings apply(MigrationSettings settings, Deadline deadline) throws QmpException {
    QemuSettings now = settings(deadline);
    MigrationSettings changes = settings.changing(now);
    SavedSettings saved = new SavedSettings(changes.asIn(now));
    try {
      setCapabilities(changes, false, deadline);
      setParameters(changes, deadline);
      setCapabilities(changes, true, deadline);
      return saved;
    } catch (QmpException e) {
      try {
        restore(saved, Deadline.after(UNDO));
      } catch (QmpException undo) {
        e.addSuppressed(undo);
      }
      throw e;
    }
  }

  /**
   * Takes back what {@link #apply} changed, and nothing else. Possible once no migration is under
   * way. Goes on after a failure and throws the first at the end.
   */
  public void restore(SavedSettings saved, Deadline deadline) throws QmpException {
    QmpException failure = null;
    for (Step step :
        new Step[] {
          () -> setCapabilities(saved.before(), false, deadline),
          () -> setParameters(saved.before(), deadline),
          () -> setCapabilities(saved.before(), true, deadline)
        }) {
      try {
        step.run();
      } catch (QmpException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  /**
   * Starts to migrate to {@code uri} and returns at once; {@link #queryMigrate} tells the rest, as
   * a connection that fails does.
   */
  public void migrate(String uri, Deadline deadline) throws QmpException {
    call("migrate", client.arguments().put("uri", uri), deadline);
  }

  /** Connects a paused postcopy migration to {@code uri} anew and returns at once. */
  public void resumeMigration(String uri, Deadline deadline) throws QmpException {
    call("migrate", client.arguments().put("uri", uri).put("resume", true), deadline);
  }

  /**
   * Listens on {@code uri}, in a QEMU started with {@code -incoming defer}. From 9.1 on, QEMU is
   * told not to exit when the migration fails, so that it can be asked why.
   */
  public void migrateIncoming(String uri, Deadline deadline) throws QmpException {
    ObjectNode arguments = client.arguments().put("uri", uri);
    if (keepsFailedDestination()) {
      arguments.put("exit-on-error", false);
    }
    call("migrate-incoming", arguments, deadline);
  }

  /** Whether this QEMU, as a destination, survives a failed migration and tells its reason. */
  public boolean keepsFailedDestination() {
    return version.isAtLeast(EXIT_ON_ERROR);
  }

  /** Listens on {@code uri} for a paused postcopy migration to come back. Out of band. */
  public void recoverIncoming(String uri, Deadline deadline) throws QmpException {
    callOutOfBand("migrate-recover", client.arguments().put("uri", uri), deadline);
  }

  /**
   * Begins to cancel; done when the state is final. Without a migration it does nothing. Not in
   * postcopy: 10.0 refuses, while 7.2 complies and loses the guest.
   */
  public void cancelMigration(Deadline deadline) throws QmpException {
    call("migrate_cancel", deadline);
  }

  /** Has the guest move now and its memory follow; takes effect in the next pass. */
  public void startPostcopy(Deadline deadline) throws QmpException {
    call("migrate-start-postcopy", deadline);
  }

  /** Breaks the connection of a migration in postcopy, to be recovered. Out of band. */
  public void pauseMigration(Deadline deadline) throws QmpException {
    callOutOfBand("migrate-pause", client.arguments(), deadline);
  }

  /** Lets a source in state {@code pre-switchover} go on. */
  public void continueFromPreSwitchover(Deadline deadline) throws QmpException {
    call("migrate-continue", client.arguments().put("state", "pre-switchover"), deadline);
  }

  /** Runs the guest. A destination that was told to {@link #stop} in time needs it at the end. */
  public void cont(Deadline deadline) throws QmpException {
    call("cont", deadline);
  }

  /** Pauses the guest; a destination that still waits will not run its guest by itself. */
  public void stop(Deadline deadline) throws QmpException {
    call("stop", deadline);
  }

  /** Ends this QEMU. */
  public void quit(Deadline deadline) throws QmpException {
    call("quit", deadline);
  }

  /** Where the migration stands. */
  public MigrationStatus queryMigrate(Deadline deadline) throws QmpException {
    return StatusReader.read(call("query-migrate", deadline), version);
  }

  /**
   * Waits until the migration's status is as wanted, and returns it.
   *
   * @param wanted what to wait for; {@code MigrationStatus::isFinal} for the end
   * @param patience how long QEMU may take for each answer
   * @throws QmpException as any command, or {@code TimedOut} if the deadline passes first
   */
  public MigrationStatus awaitMigration(
      Predicate<MigrationStatus> wanted, Duration patience, Deadline deadline) throws QmpException {
    try (QemuEvents events = events()) {
      while (true) {
        MigrationStatus status = queryMigrate(Deadline.after(patience));
        if (wanted.test(status)) {
          return status;
        }
        if (deadline.hasPassed()) {
          throw new QmpException.TimedOut(
              "The migration of the QEMU at %s has got no further than state %s in the time it had"
                  .formatted(socket(), status.stateName()),
              "query-migrate");
        }
        long waitNanos = Math.min(POLL.toNanos(), deadline.remainingNanos());
        events.next(Deadline.after(Duration.ofNanos(waitNanos)));
      }
    }
  }

  /**
   * Shuts down every connection of the migration, past a main loop that may be stuck in one of
   * them. The migration fails (in postcopy: pauses); a source's guest runs on.
   *
   * @return whether there was a migration to yank
   */
  public boolean yankMigration(Deadline deadline) throws QmpException {
    ObjectNode arguments = client.arguments();
    arguments.putArray("instances").addObject().put("type", "migration");
    try {
      callOutOfBand("yank", arguments, deadline);
      return true;
    } catch (QmpException.Refused e) {
      if (e.errorClass().equals("DeviceNotFound")) {
        return false;
      }
      throw e;
    }
  }

  /** Ends the connection at once; commands under way fail. QEMU goes on. Idempotent. */
  @Override
  public void close() {
    client.close();
  }

  @FunctionalInterface
  private interface Step {
    void run() throws QmpException;
  }

  private void setCapabilities(MigrationSettings settings, boolean on, Deadline deadline)
      throws QmpException {
    ObjectNode arguments = client.arguments();
    ArrayNode list = arguments.putArray("capabilities");
    settings
        .capabilities()
        .forEach(
            (capability, state) -> {
              if (state == on) {
                list.addObject().put("capability", capability.qemuName()).put("state", on);
              }
            });
    if (!list.isEmpty()) {
      call("migrate-set-capabilities", arguments, deadline);
    }
  }

  private void setParameters(MigrationSettings settings, Deadline deadline) throws QmpException {
    ObjectNode arguments = client.arguments();
    settings.parameters().forEach((name, value) -> value.putInto(arguments, name.qemuName()));
    if (!arguments.isEmpty()) {
      call("migrate-set-parameters", arguments, deadline);
    }
  }

  private JsonNode call(String command, Deadline deadline) throws QmpException {
    return call(command, client.arguments(), deadline);
  }

  private JsonNode call(String command, ObjectNode arguments, Deadline deadline)
      throws QmpException {
    try {
      return client.execute(command, arguments, deadline);
    } catch (QmpException.Refused e) {
      throw Refusals.explained(e, socket());
    } catch (QmpException.TimedOut e) {
      throw diagnosed(e);
    }
  }

  private void callOutOfBand(String command, ObjectNode arguments, Deadline deadline)
      throws QmpException {
    try {
      client.executeOutOfBand(command, arguments, deadline);
    } catch (QmpException.Refused e) {
      throw Refusals.explained(e, socket());
    }
  }

  private QmpException diagnosed(QmpException.TimedOut unanswered) {
    if (!client.outOfBand()) {
      return unanswered;
    }
    try {
      client.executeOutOfBand("query-yank", client.arguments(), Deadline.after(PROBE));
    } catch (QmpException.TimedOut e) {
      return new QmpException.TimedOut(
          unanswered.getMessage()
              + ", nor does its monitor thread answer: it is stopped or starved",
          unanswered.command());
    } catch (QmpException.Refused e) {
      // An answer all the same.
    } catch (QmpException e) {
      return e;
    }
    return new QmpException.MainLoopStuck(
        unanswered.getMessage() + " although its monitor thread answers: its main loop is stuck",
        unanswered.command(),
        unanswered);
  }
}
