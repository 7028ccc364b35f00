package dev.godwit.migration.drive;

import dev.godwit.channel.identity.MainHead;
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
import org.jspecify.annotations.Nullable;

/**
 * Receives a guest into one QEMU started with {@code -incoming defer}: {@code godwit receive}.
 *
 * <p>A destination that no longer answers while nothing moves has lost the migration (a damaged
 * multifd packet leaves it so, qemu-wire.md §4.9): the connections are broken off so that the
 * source's guest runs on, unless the whole stream has been delivered and the destination may yet
 * start the guest.
 */
public final class DestinationDrive {
  private static final Duration CONNECT = Duration.ofSeconds(5);

  /** How long a destination may not answer once its connections have ended. */
  private static final Duration STUCK = Duration.ofSeconds(10);

  /**
   * The same while they stand and nothing moves: a destination that waits for multifd packets of a
   * stalled network does not answer either, and is well.
   */
  private static final Duration STALLED = Duration.ofSeconds(40);

  /** How long it may take to load a guest whose every byte it has. */
  private static final Duration LOADING = Duration.ofMinutes(5);

  /** How long QEMU has for its last word after the connections have ended. */
  private static final Duration LAST_WORD = Duration.ofSeconds(10);

  private static final String STOPPED =
      "Stopped receiving; the VM is at the source, and this QEMU has to be started anew before it can receive";

  private final Path qmp;
  private final Endpoint at;
  private final MigrationSettings asked;
  private final Transports transports;
  private final Consumer<Endpoint> listening;
  private final Consumer<Progress> watcher;
  private final AtomicBoolean cancelAsked = new AtomicBoolean();
  private final List<String> notes = new ArrayList<>();
  private boolean cancelled;
  private int multifdChannels;
  private String machine = "";
  private long memoryBytes;

  /**
   * @param qmp QEMU's monitor socket
   * @param at where the source connects
   * @param listening told once sources can connect, with the real port
   */
  public DestinationDrive(
      Path qmp,
      Endpoint at,
      MigrationSettings asked,
      Transports transports,
      Consumer<Endpoint> listening,
      Consumer<Progress> watcher) {
    this.qmp = qmp;
    this.at = at;
    this.asked = asked;
    this.transports = transports;
    this.listening = listening;
    this.watcher = watcher;
  }

  /**
   * Stops waiting, or breaks off what is coming in, as long as not all of it has come; any thread,
   * never blocks.
   */
  public void cancel() {
    cancelAsked.set(true);
  }

  /**
   * Waits for a source and receives.
   *
   * @throws DriveException if this QEMU cannot receive now; it was left alone
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
      requireReady(monitor);
      QemuSettings now = monitor.settings(Deadline.after(Drive.PATIENCE));
      MigrationSettings settings = asked.withDefault(MigrationCapability.EVENTS, true);
      settings.check(now);
      notes.addAll(settings.warnings(now, Side.DESTINATION));
      multifdChannels = multifdChannels(now.with(settings));
      machine = monitor.machine(Deadline.after(Drive.PATIENCE)).orElse("");
      memoryBytes = monitor.memoryBytes(Deadline.after(Drive.PATIENCE));
      try (Listener listener = transports.listen(at);
          PrivateSocket socket = PrivateSocket.create(monitor.peer());
          Drive drive =
              new Drive(
                  monitor,
                  listener,
                  () ->
                      transports.dialer(
                          socket.endpoint().with(dev.godwit.transport.Settings.none())),
                  transports::shortcut,
                  ProxyOptions.migration().takingMultifd(multifdChannels),
                  watcher)) {
        monitor.apply(settings, Deadline.after(Drive.PATIENCE));
        monitor.migrateIncoming(socket.uri(), Deadline.after(Drive.PATIENCE));
        drive.start();
        listening.accept(listener.local());
        return receive(monitor, drive);
      }
    }
  }

  private void requireReady(QemuMonitor monitor) throws DriveException, QmpException {
    RunStatus guest = monitor.status(Deadline.after(Drive.PATIENCE));
    if (guest.state() != RunStatus.State.INMIGRATE) {
      throw new DriveException(
          "The QEMU at "
              + qmp
              + " is no destination, its state is "
              + guest.stateName()
              + "; start it with -incoming defer");
    }
    MigrationStatus migration = monitor.queryMigrate(Deadline.after(Drive.PATIENCE));
    if (migration.state() != MigrationState.NONE || !migration.listening().isEmpty()) {
      throw new DriveException(
          "The QEMU at "
              + qmp
              + " listens for a migration already; start it with -incoming defer, and once only");
    }
  }

  private DriveReport receive(QemuMonitor monitor, Drive drive) throws InterruptedException {
    long movedNanos = System.nanoTime();
    long moved = 0;
    @Nullable QmpException silence = null;
    while (true) {
      if (drive.bytes() != moved) {
        moved = drive.bytes();
        movedNanos = System.nanoTime();
      }
      Duration still = Duration.ofNanos(System.nanoTime() - movedNanos);
      try {
        MigrationStatus status = drive.poll();
        silence = null;
        if (status.state() == MigrationState.COMPLETED) {
          drive.awaitCarried(Drive.PATIENCE);
          return report(monitor, drive, Outcome.COMPLETED, "The guest has come");
        }
        if (status.state() == MigrationState.FAILED) {
          drive.awaitCarried(Drive.PATIENCE);
          if (cancelled) {
            return report(monitor, drive, Outcome.CANCELLED, STOPPED);
          }
          return report(monitor, drive, Outcome.FAILED, failed(drive, Optional.empty()));
        }
        int opened = drive.multifdChannels();
        if (drive.bytes() > 0 && opened < multifdChannels && still.compareTo(STUCK) > 0) {
          return tooFewChannels(monitor, drive, opened);
        }
        if (drive.carried().isPresent() && still.compareTo(LAST_WORD) > 0) {
          if (cancelled && !drive.mayHaveArrived()) {
            return report(monitor, drive, Outcome.CANCELLED, STOPPED);
          }
          boolean neverBegan =
              status.state() == MigrationState.SETUP || status.state() == MigrationState.NONE;
          if (neverBegan && !drive.mayHaveArrived()) {
            return report(
                monitor,
                drive,
                Outcome.FAILED,
                "The destination QEMU had not begun to load when its connections ended"
                    + seen(drive)
                    + "; "
                    + where(drive)
                    + ", and this QEMU has to be started anew");
          }
          return report(
              monitor,
              drive,
              Outcome.UNKNOWN,
              "The connections have ended and the destination QEMU is still "
                  + status.stateName()
                  + "; look at both sides");
        }
      } catch (QmpException.MainLoopStuck | QmpException.TimedOut e) {
        silence = e;
        boolean whole = drive.isWholeStreamDelivered();
        Duration patience = drive.carried().isPresent() ? STUCK : whole ? LOADING : STALLED;
        if (still.compareTo(patience) > 0) {
          drive.abort(e);
          drive.awaitCarried(Drive.PATIENCE);
          return stuck(monitor, drive);
        }
      } catch (QmpException e) {
        drive.awaitCarried(Drive.PATIENCE);
        return gone(monitor, drive, e);
      }
      if (cancelAsked.get() && !cancelled) {
        if (inPostcopy(drive) || drive.isWholeStreamDelivered()) {
          if (silence == null) {
            continue;
          }
          return report(
              monitor,
              drive,
              Outcome.UNKNOWN,
              "Stopped watching when the destination QEMU may have had the guest already and did not answer; look at both sides");
        }
        cancelled = true;
        drive.abort(new ChannelException.Aborted("Asked to end", null));
        drive.awaitCarried(Drive.PATIENCE);
        movedNanos = System.nanoTime();
        if (drive.carried().isEmpty() || silence != null) {
          return report(monitor, drive, Outcome.CANCELLED, STOPPED);
        }
      }
    }
  }

  /** What QEMU waits for before it reads anything; 0 without multifd. */
  private static int multifdChannels(QemuSettings then) {
    return then.isOn(MigrationCapability.MULTIFD)
        ? then.value(MigrationParameter.MULTIFD_CHANNELS)
            .map(value -> value instanceof ParameterValue.Whole n ? (int) n.value() : 0)
            .orElse(0)
        : 0;
  }

  private DriveReport tooFewChannels(QemuMonitor monitor, Drive drive, int opened)
      throws InterruptedException {
    String sentence =
        "The destination QEMU waits for "
            + multifdChannels
            + " multifd channels and the source opened "
            + opened;
    drive.abort(new ChannelException.Violated(sentence));
    drive.awaitCarried(Drive.PATIENCE);
    return report(
        monitor,
        drive,
        Outcome.FAILED,
        sentence
            + ": multifd and multifd-channels must be the same on both sides; "
            + where(drive)
            + ", and this QEMU has to be started anew");
  }

  /** It no longer answers, and every connection has been broken off. */
  private DriveReport stuck(QemuMonitor monitor, Drive drive) {
    return drive.mayHaveArrived() || inPostcopy(drive)
        ? report(
            monitor,
            drive,
            Outcome.UNKNOWN,
            "The destination QEMU may have the guest and does not answer; look at both sides before running the guest anywhere")
        : report(
            monitor,
            drive,
            Outcome.FAILED,
            "The destination QEMU no longer answers, as after a damaged multifd packet"
                + seen(drive)
                + "; its connections were broken off, "
                + where(drive)
                + ", and this QEMU has to be killed");
  }

  /** Its monitor is gone. */
  private DriveReport gone(QemuMonitor monitor, Drive drive, QmpException why) {
    if (cancelled && !drive.mayHaveArrived()) {
      return report(monitor, drive, Outcome.CANCELLED, STOPPED);
    }
    return drive.mayHaveArrived() || inPostcopy(drive)
        ? report(
            monitor,
            drive,
            Outcome.UNKNOWN,
            "The destination QEMU may have had the guest when its monitor ended ("
                + why.getMessage()
                + "); look at both sides before running the guest anywhere")
        : report(monitor, drive, Outcome.FAILED, failed(drive, Optional.of(why)));
  }

  private static boolean inPostcopy(Drive drive) {
    return drive.status().map(s -> s.state().isPostcopy()).orElse(false);
  }

  /**
   * Where the guest is after a failure. Without a return path its source may take it for moved, and
   * hold it paused.
   */
  private static String where(Drive drive) {
    boolean sourceKnows =
        drive.carried().map(wire -> wire.returnPath() || wire.machine().isEmpty()).orElse(true);
    return sourceKnows
        ? "the VM is at the source"
        : "the VM is at the source, which may hold it paused because there was no return path to tell it ('cont' runs it there)";
  }

  /**
   * Why the destination failed: QEMU's own words where they can be had, else what was seen on the
   * way.
   */
  private String failed(Drive drive, Optional<QmpException> gone) {
    Optional<String> said =
        drive
            .status()
            .filter(s -> s.state() == MigrationState.FAILED)
            .flatMap(MigrationStatus::error);
    String seen = seen(drive);
    if (said.isPresent()) {
      return "The destination QEMU failed: " + said.get() + seen + "; " + where(drive);
    }
    if (gone.isPresent()) {
      return "The destination QEMU has ended without saying why on its monitor; its log has the reason"
          + seen
          + "; "
          + where(drive);
    }
    return "The destination QEMU failed without a reason" + seen + "; " + where(drive);
  }

  private String seen(Drive drive) {
    Optional<MigrationReport> wire = drive.carried();
    Optional<String> sourceMachine = wire.flatMap(MigrationReport::machine);
    if (sourceMachine.isPresent() && !machine.isEmpty() && !sourceMachine.get().equals(machine)) {
      return " (the source's machine is " + sourceMachine.get() + ", this one is " + machine + ")";
    }
    return wire.flatMap(MigrationReport::ram)
        .filter(this::cannotFit)
        .map(this::sizes)
        .or(() -> wire.flatMap(MigrationReport::cause).map(c -> " (" + c + ")"))
        .orElse("");
  }

  /**
   * Whether the source's guest surely has less or more memory than this one: the source announces
   * RAM blocks, ROMs among them, and QEMU says only the sum without ROMs.
   */
  private boolean cannotFit(MainHead.Ram source) {
    return source.totalBytes() < memoryBytes || source.firstBlockBytes() > memoryBytes;
  }

  private String sizes(MainHead.Ram source) {
    return " (the source's RAM block "
        + source.firstBlock()
        + " has "
        + source.firstBlockBytes()
        + " bytes, this QEMU has "
        + memoryBytes
        + " bytes of memory)";
  }

  private DriveReport report(QemuMonitor monitor, Drive drive, Outcome outcome, String sentence) {
    return new DriveReport(
        Side.DESTINATION,
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
