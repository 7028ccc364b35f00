package dev.godwit.lab.softroce;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The lab VM could not do it; what a command in it does badly is an exit status instead. The
 * message ends with the last lines of the VM's console where there are any.
 */
public abstract sealed class VmException extends IOException {
  private static final long serialVersionUID = 1;

  private VmException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /** This host lacks something that the message names; nothing was started. */
  public static final class Unavailable extends VmException {
    private static final long serialVersionUID = 1;

    Unavailable(String message) {
      super(message, null);
    }
  }

  /** The VM has ended, or never came up. */
  public static final class Ended extends VmException {
    private static final long serialVersionUID = 1;

    Ended(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** A deadline passed. The VM was ended, since what ran in it cannot be told to. */
  public static final class TimedOut extends VmException {
    private static final long serialVersionUID = 1;

    TimedOut(String message) {
      super(message, null);
    }
  }
}
