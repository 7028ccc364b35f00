package dev.godwit.migration.drive;

import dev.godwit.migration.drive.DriveReport.Outcome;
import dev.godwit.migration.proxy.MigrationReport;
import dev.godwit.migration.proxy.ProxyOptions;
import dev.godwit.migration.qemu.MigrationCapability;
import dev.godwit.migration.qemu.MigrationParameter;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.ParameterValue;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.migration.qemu.QemuSettings;
import dev.godwit.migration.qemu.RunStatus;
import dev.godwit.migration.qemu.SavedSettings;
import dev.godwit.migration.qemu.SettingsException;
import dev.godwit.migration.qemu.Side;
import dev.godwit.migration.qmp.QmpException;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * Sends the guest of one QEMU: {@code godwit send}.
 *
 * <p>Whatever fails before switchover leaves the guest running at the source and QEMU's settings as
 * they were. QEMU is made to wait before it switches over, until it is told here to go on: up to
 * that moment a cancel is safe, and from then on nothing here cancels any more, since the
 * destination may have the guest already.
 */
public final class SourceDrive {
  /** How long QEMU has for becoming cancelled, and how long it may be silent when it should. */
  private static final Duration CANCEL = Duration.ofSeconds(15);

  /** How long bytes may still be on their way after QEMU has sent them all. */
  private static final Duration DELIVER = Duration.ofMinutes(10);

  /** How often somebody may ask to wait no longer for them. */
  private static final Duration DELIVER_LOOK = Duration.ofMillis(200);

  private static final Duration CONNECT = Duration.ofSeconds(5);

  /** How long QEMU has for its last word after the connections have ended. */
  private static final Duration LAST_WORD = Duration.ofSeconds(10);

  /** A rate this close to max-bandwidth is limited by it. */
  private static final double LIMITED_SHARE = 0.85;

  private final Path qmp;
  private final Endpoint target;
  private final MigrationSettings asked;
  private final boolean postcopy;
  private final Transports transports;
  private final Consumer<Progress> watcher;
  private final List<String> notes = new ArrayList<>();
  private final AtomicBoolean cancelAsked = new AtomicBoolean();
  private boolean cancelSent;
  private boolean switchingOver;
  private boolean postcopyAsked;
  private boolean tooLateSaid;

  /**
   * @param qmp QEMU's monitor socket
   * @param target where the guest goes
   * @param asked capabilities and parameters by QEMU's names
   * @param postcopy switch to postcopy after the first pass
   */
  public SourceDrive(
      Path qmp,
      Endpoint target,
      MigrationSettings asked,
      boolean postcopy,
      Transports transports,
      Consumer<Progress> watcher) {
    this.qmp = qmp;
    this.target = target;
    this.asked = asked;
    this.postcopy = postcopy;
    this.transports = transports;
    this.watcher = watcher;
  }

  /** Asks the migration to be cancelled, if that is still harmless; any thread, never blocks. */
  public void cancel() {
    cancelAsked.set(true);
  }

  /**
   * Migrates.
   *
   * @throws DriveException if this QEMU cannot migrate now; it was left alone
   * @throws SettingsException if it cannot do what was asked; it was left alone
   * @throws QmpException if it cannot be driven; before anything was begun
   */
  public DriveReport run()
      throws DriveException,
          SettingsException,
          QmpException,
          ChannelException,
          InterruptedException {
    try (QemuMonitor monitor = QemuMonitor.connect(qmp, Deadline.after(CONNECT))) {
      boolean ran = requireReady(monitor);
      QemuSettings now = monitor.settings(Deadline.after(Drive.PATIENCE));
      MigrationSettings settings = settings(now);
      settings.check(now);
      notes.addAll(settings.warnings(now, Side.SOURCE));
      try (PrivateSocket socket = PrivateSocket.create(monitor.peer());
          Listener listener = transports.listen(socket.endpoint());
          Drive drive =
              new Drive(
                  monitor,
                  listener,
                  () -> transports.dialer(target),
                  transports::shortcut,
                  ProxyOptions.migration(),
                  watcher)) {
        SavedSettings saved = monitor.apply(settings, Deadline.after(Drive.PATIENCE));
        drive.start();
        return migrate(monitor, drive, socket, now.with(settings), saved, ran);
      }
    }
  }

  private boolean requireReady(QemuMonitor monitor) throws DriveException, QmpException {
    RunStatus guest = monitor.status(Deadline.after(Drive.PATIENCE));
    MigrationStatus migration = monitor.queryMigrate(Deadline.after(Drive.PATIENCE));
    switch (guest.state()) {
      case POSTMIGRATE ->
          throw new DriveException(
              "The guest of the QEMU at "
                  + qmp
                  + " has migrated away already; to run it here again would need it back");
      case INMIGRATE ->
          throw new DriveException(
              "The QEMU at "
                  + qmp
                  + " waits for an incoming migration, so it has no guest to send");
      default -> {
        if (migration.state().isUnderWay()) {
          throw new DriveException(
              "The QEMU at "
                  + qmp
                  + " is migrating already, its state is "
                  + migration.stateName());
        }
      }
    }
    if (!migration.blockers().isEmpty()) {
      throw new DriveException(
          "The guest of the QEMU at "
              + qmp
              + " cannot migrate: "
              + String.join("; ", migration.blockers()));
    }
    return guest.running();
  }

  private MigrationSettings settings(QemuSettings now) {
    MigrationSettings settings = asked.withDefault(MigrationCapability.EVENTS, true);
    boolean snapshot =
        asked.capabilities().getOrDefault(MigrationCapability.BACKGROUND_SNAPSHOT, false)
            || now.isOn(MigrationCapability.BACKGROUND_SNAPSHOT);
    if (!snapshot) {
      settings =
          settings
              .withDefault(MigrationCapability.RETURN_PATH, true)
              .withDefault(MigrationCapability.PAUSE_BEFORE_SWITCHOVER, true);
    }
    return postcopy ? settings.withDefault(MigrationCapability.POSTCOPY_RAM, true) : settings;
  }

  private DriveReport migrate(
      QemuMonitor monitor,
      Drive drive,
      PrivateSocket socket,
      QemuSettings in,
      SavedSettings saved,
      boolean ran)
      throws QmpException, InterruptedException {
    MigrationState end;
    try {
      try {
        monitor.migrate(socket.uri(), Deadline.after(Drive.PATIENCE));
      } catch (QmpException.Refused e) {
        restore(monitor, saved);
        return report(monitor, drive, Outcome.FAILED, e.getMessage() + where(monitor, ran));
      }
      end = watch(monitor, drive, in);
    } catch (QmpException e) {
      drive.abort(e);
      return report(
          monitor,
          drive,
          Outcome.UNKNOWN,
          "The source QEMU can no longer be asked, look at both sides before running the guest anywhere: "
              + e.getMessage());
    }
    if (end == MigrationState.COMPLETED) {
      return delivered(monitor, drive, in);
    }
    if (end.isPostcopy()) {
      return report(
          monitor,
          drive,
          Outcome.UNKNOWN,
          "The connection broke in postcopy, so the guest is paused and its memory is spread over both sides ("
              + reason(drive)
              + "); end neither QEMU: 'migrate-recover' at the destination and 'migrate' with resume at the source bring it back");
    }
    drive.awaitCarried(Drive.PATIENCE);
    restore(monitor, saved);
    if (drive.mayHaveArrived()) {
      return report(
          monitor,
          drive,
          Outcome.UNKNOWN,
          "The source QEMU took the guest back ("
              + reason(drive)
              + ") when the destination may have had all of it; look at both sides and stop one of them");
    }
    if (cancelSent) {
      return report(
          monitor, drive, Outcome.CANCELLED, "The migration was cancelled" + where(monitor, ran));
    }
    return report(monitor, drive, Outcome.FAILED, reason(drive) + where(monitor, ran));
  }

  /** Until QEMU says that it is over. */
  private MigrationState watch(QemuMonitor monitor, Drive drive, QemuSettings in)
      throws QmpException {
    long silentSince = 0;
    long carriedSince = 0;
    boolean yanked = false;
    while (true) {
      MigrationStatus status;
      long moved = drive.bytes();
      try {
        status = drive.poll();
        silentSince = 0;
      } catch (QmpException.MainLoopStuck | QmpException.TimedOut e) {
        // It writes under its global lock while it switches over; when the bytes flow again, or the
        // connection breaks, it answers.
        silentSince = silentSince == 0 ? System.nanoTime() : silentSince;
        if (cancelAsked.get() && drive.bytes() == moved) {
          breakIfHarmless(drive, e);
          if (System.nanoTime() - silentSince > CANCEL.toNanos()) {
            throw e;
          }
        }
        continue;
      }
      if (status.state().isFinal() || status.state() == MigrationState.POSTCOPY_PAUSED) {
        return status.state();
      }
      if (drive.carried().isPresent() && !yanked) {
        carriedSince = carriedSince == 0 ? System.nanoTime() : carriedSince;
        if (System.nanoTime() - carriedSince > LAST_WORD.toNanos()) {
          // It waits for something that no longer comes.
          yanked = true;
          monitor.yankMigration(Deadline.after(CANCEL));
        }
      }
      noteLimit(status, in);
      if (cancelAsked.get() && !cancelSent) {
        cancelIfHarmless(monitor, drive, status, in);
      }
      if (status.state() == MigrationState.PRE_SWITCHOVER && !cancelSent) {
        switchOver(monitor);
      }
      if (postcopy && !postcopyAsked && status.ram().map(r -> r.pass() >= 2).orElse(false)) {
        postcopyAsked = true;
        try {
          monitor.startPostcopy(Deadline.after(Drive.PATIENCE));
        } catch (QmpException.Refused e) {
          notes.add("Postcopy was not begun: " + e.getMessage());
        } catch (QmpException.MainLoopStuck | QmpException.TimedOut e) {
          notes.add("Whether postcopy was begun is unknown: " + e.getMessage());
        }
      }
    }
  }

  /**
   * Ends a migration that stands still while QEMU cannot be told to: all its connections lead
   * through this process, so it fails when they break and its guest runs on.
   */
  private void breakIfHarmless(Drive drive, QmpException stuck) {
    if (cancelSent || switchingOver || drive.isWholeStreamDelivered() || inPostcopy(drive)) {
      return;
    }
    cancelSent = true;
    drive.abort(stuck);
  }

  private static boolean inPostcopy(Drive drive) {
    return drive.status().map(s -> s.state().isPostcopy()).orElse(false);
  }

  /** From here on the destination may have the guest. */
  private void switchOver(QemuMonitor monitor) throws QmpException {
    switchingOver = true;
    try {
      monitor.continueFromPreSwitchover(Deadline.after(Drive.PATIENCE));
    } catch (QmpException.Refused e) {
      notes.add("QEMU refused to switch over: " + e.getMessage());
    } catch (QmpException.MainLoopStuck | QmpException.TimedOut e) {
      // Whether it goes on, its next state says.
    }
  }

  private void cancelIfHarmless(
      QemuMonitor monitor, Drive drive, MigrationStatus status, QemuSettings in)
      throws QmpException {
    boolean waits = in.isOn(MigrationCapability.PAUSE_BEFORE_SWITCHOVER);
    boolean switching =
        switchingOver
            || status.state() == MigrationState.DEVICE
            || (!waits && drive.stopped().isPresent());
    if (switching || status.state().isPostcopy()) {
      if (!tooLateSaid) {
        tooLateSaid = true;
        notes.add("It was too late to cancel: the guest was being handed over");
      }
      return;
    }
    cancelSent = true;
    try {
      monitor.cancelMigration(Deadline.after(Drive.PATIENCE));
    } catch (QmpException.Refused e) {
      // It has ended meanwhile, or has gone on into postcopy; its next state says which.
      notes.add("QEMU refused to cancel: " + e.getMessage());
    } catch (QmpException.MainLoopStuck | QmpException.TimedOut e) {
      // Stuck since the last look: how, the next look finds out.
      cancelSent = false;
    }
  }

  /** QEMU has sent everything; without a return path that says nothing about what has arrived. */
  private DriveReport delivered(QemuMonitor monitor, Drive drive, QemuSettings in)
      throws InterruptedException {
    boolean confirmed =
        in.isOn(MigrationCapability.RETURN_PATH) || in.isOn(MigrationCapability.POSTCOPY_RAM);
    if (confirmed) {
      drive.awaitCarried(Drive.PATIENCE);
      return report(monitor, drive, Outcome.COMPLETED, "The guest has moved to " + target);
    }
    Optional<MigrationReport> wire = awaitDelivered(drive);
    if (wire.map(w -> w.outcome() == MigrationReport.Outcome.DELIVERED).orElse(false)) {
      return report(
          monitor,
          drive,
          Outcome.COMPLETED,
          "All of the guest was delivered to "
              + target
              + "; without return-path only the destination knows whether it runs");
    }
    return report(
        monitor,
        drive,
        Outcome.UNKNOWN,
        "The source QEMU says completed, but not all bytes were delivered ("
            + reason(drive)
            + "); if the destination has failed, 'cont' on the source's monitor runs the guest there again");
  }

  private Optional<MigrationReport> awaitDelivered(Drive drive) throws InterruptedException {
    Deadline patience = Deadline.after(DELIVER);
    while (true) {
      Optional<MigrationReport> wire = drive.awaitCarried(DELIVER_LOOK);
      if (wire.isPresent() || cancelAsked.get() || patience.hasPassed()) {
        return wire;
      }
    }
  }

  private String reason(Drive drive) {
    Optional<String> onTheWay = drive.carried().flatMap(MigrationReport::cause);
    Optional<String> said = drive.status().flatMap(MigrationStatus::error);
    if (onTheWay.isPresent()) {
      return onTheWay.get() + said.map(s -> " (the source QEMU says: " + s + ")").orElse("");
    }
    return said.map(s -> "The source QEMU gave up: " + s)
        .orElse(
            "The source QEMU gave up without a reason; its log and the destination's may have one");
  }

  private static String where(QemuMonitor monitor, boolean ran) {
    try {
      RunStatus guest = monitor.status(Deadline.after(Drive.PATIENCE));
      if (guest.running()) {
        return "; the VM runs on at the source";
      }
      return ran
          ? "; the VM is at the source, in state " + guest.stateName()
          : "; the VM is at the source, paused as before";
    } catch (QmpException e) {
      return "; the VM is at the source, whose monitor does not answer";
    }
  }

  private void restore(QemuMonitor monitor, SavedSettings saved) {
    try {
      monitor.restore(saved, Deadline.after(Drive.PATIENCE));
    } catch (QmpException e) {
      notes.add("QEMU's earlier migration settings could not be restored: " + e.getMessage());
    }
  }

  private void noteLimit(MigrationStatus status, QemuSettings in) {
    if (status.state() != MigrationState.ACTIVE
        || status.ram().isEmpty()
        || notes.stream().anyMatch(n -> n.startsWith("max-bandwidth"))) {
      return;
    }
    long limit =
        in.value(MigrationParameter.MAX_BANDWIDTH)
            .map(v -> v instanceof ParameterValue.Whole whole ? whole.value() : 0L)
            .orElse(0L);
    if (limit > 0 && status.ram().get().bytesPerSecond() > limit * LIMITED_SHARE) {
      notes.add(
          "max-bandwidth of "
              + (limit >> 20)
              + " MiB/s is what limits the rate; --set max-bandwidth=0 lifts it");
    }
  }

  private DriveReport report(QemuMonitor monitor, Drive drive, Outcome outcome, String sentence) {
    return new DriveReport(
        Side.SOURCE,
        monitor.version(),
        outcome,
        sentence,
        drive.carried().flatMap(MigrationReport::failure),
        drive.elapsed(),
        drive.status(),
        drive.carried(),
        drive.stopped(),
        drive.resumed(),
        List.copyOf(notes));
  }
}
