package dev.godwit.migration.cli;

import dev.godwit.migration.qmp.QmpException;
import dev.godwit.transport.ChannelException;

/** How a command ends, in one table; {@code --help} prints it and a test keeps both equal. */
public enum ExitCode {
  DONE(0, "Done"),
  FAILED(1, "The migration failed; the VM still runs at the source"),
  USAGE(2, "The command line makes no sense"),
  REFUSED_BY_CHECK(3, "A check refused it before anything was touched"),
  UNKNOWN(4, "The outcome is unknown; look at both sides"),
  ENDED_EARLY(10, "The peer ended in the middle of something"),
  LOST(11, "The connection was lost"),
  ABORTED(12, "This side gave up"),
  TIMED_OUT(13, "A deadline passed"),
  REFUSED(14, "Nobody serves the address, or it is taken or not allowed"),
  UNTRUSTED(15, "The peer is not who it must be"),
  VIOLATED(16, "The peer broke the protocol"),
  UNSUPPORTED(17, "This transport, or this version of Godwit, cannot do it"),
  NATIVE(18, "A system call failed"),
  BUG(70, "Godwit itself is at fault; please report the stack trace"),
  UNAVAILABLE(69, "This host lacks something that the message names"),
  INTERRUPTED(130, "Cancelled in order after Ctrl-C"),
  TERMINATED(143, "Cancelled in order after a request to terminate");

  private final int code;
  private final String meaning;

  ExitCode(int code, String meaning) {
    this.code = code;
    this.meaning = meaning;
  }

  public int code() {
    return code;
  }

  public String meaning() {
    return meaning;
  }

  /** The code for a QEMU that could not be driven. */
  public static ExitCode of(QmpException failure) {
    return switch (failure) {
      case QmpException.Unreachable e -> REFUSED;
      case QmpException.Busy e -> REFUSED;
      case QmpException.NotQmp e -> VIOLATED;
      case QmpException.Refused e -> REFUSED_BY_CHECK;
      case QmpException.TimedOut e -> TIMED_OUT;
      case QmpException.MainLoopStuck e -> TIMED_OUT;
      case QmpException.Closed e -> LOST;
      case QmpException.Gone e -> LOST;
      case QmpException.Interrupted e -> ABORTED;
    };
  }

  /** The code for a channel that failed. */
  public static ExitCode of(ChannelException failure) {
    return switch (failure) {
      case ChannelException.EndedEarly e -> ENDED_EARLY;
      case ChannelException.Lost e -> LOST;
      case ChannelException.Aborted e -> ABORTED;
      case ChannelException.TimedOut e -> TIMED_OUT;
      case ChannelException.Refused e -> REFUSED;
      case ChannelException.Untrusted e -> UNTRUSTED;
      case ChannelException.Violated e -> VIOLATED;
      case ChannelException.Unsupported e -> UNSUPPORTED;
      case ChannelException.Native e -> NATIVE;
    };
  }
}
