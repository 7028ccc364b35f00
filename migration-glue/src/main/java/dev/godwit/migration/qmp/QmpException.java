package dev.godwit.migration.qmp;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A QMP command could not be carried out. The kinds differ in what the caller does next; each
 * message is a sentence that a user can be shown.
 */
public abstract sealed class QmpException extends IOException {

  private QmpException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /**
   * The monitor could not be connected to: no such socket, no permission, nobody listening. Correct
   * the path, or start QEMU.
   */
  public static final class Unreachable extends QmpException {
    public Unreachable(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /**
   * The connection was taken but nobody greeted. A QEMU monitor serves one client at a time, so
   * another one probably holds it. Free the monitor, or name another one.
   */
  public static final class Busy extends QmpException {
    public Busy(String message) {
      super(message, null);
    }
  }

  /** What answers does not speak QMP, or stopped speaking it. Do not try again. */
  public static final class NotQmp extends QmpException {
    public NotQmp(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** QEMU answered with an error: the command had no effect. The connection lives on. */
  public static final class Refused extends QmpException {
    private final String command;
    private final String errorClass;
    private final String description;

    public Refused(String message, String command, String errorClass, String description) {
      super(message, null);
      this.command = command;
      this.errorClass = errorClass;
      this.description = description;
    }

    /** The command that was refused. */
    public String command() {
      return command;
    }

    /** QMP's error class, such as {@code GenericError} or {@code CommandNotFound}. */
    public String errorClass() {
      return errorClass;
    }

    /** QEMU's own words. */
    public String description() {
      return description;
    }
  }

  /**
   * No answer within the deadline. Whether the command takes effect later is unknown; its answer,
   * if it comes, is dropped. The connection lives on.
   */
  public static final class TimedOut extends QmpException {
    private final String command;

    public TimedOut(String message, String command) {
      super(message, null);
      this.command = command;
    }

    /** The command that was not answered. */
    public String command() {
      return command;
    }
  }

  /**
   * QEMU's main loop does not answer although its monitor thread does: only out-of-band commands
   * still work. Yank the migration, or kill that QEMU.
   */
  public static final class MainLoopStuck extends QmpException {
    private final String command;

    public MainLoopStuck(String message, String command, @Nullable Throwable cause) {
      super(message, cause);
      this.command = command;
    }

    /** The command that was not answered. */
    public String command() {
      return command;
    }
  }

  /**
   * The connection to the monitor has ended, by this side or by a peer that still listens. Whether
   * a command that was waiting takes effect is unknown.
   */
  public static final class Closed extends QmpException {
    public Closed(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** The connection has ended and nobody listens on the monitor's socket: that QEMU is gone. */
  public static final class Gone extends QmpException {
    public Gone(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** The calling thread was interrupted while it waited; its interrupt status is set. */
  public static final class Interrupted extends QmpException {
    public Interrupted(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }
}
