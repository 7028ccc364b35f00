package dev.godwit.transport.exec;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.kernel.ChildProcess;
import dev.godwit.transport.kernel.Descriptor;
import dev.godwit.transport.kernel.Errno;
import dev.godwit.transport.kernel.Medium;
import java.time.Duration;
import java.util.Optional;

/** A running command, whose exit status decides whether an end was an orderly one. */
final class ExecMedium implements Medium {
  /**
   * A command that has closed a pipe normally ends in the same moment. One that bridges two
   * directions may go on with the other one, and must not be waited for.
   */
  private static final Duration EXIT_AFTER_END = Duration.ofSeconds(1);

  /** More than SIGTERM's grace and the reaping after SIGKILL take. */
  private static final Duration EXIT_AFTER_KILL = Duration.ofSeconds(5);

  private final ChildProcess child;
  private final Endpoint endpoint;
  private final Duration exitTimeout;
  private boolean outlivesItsOutput;

  ExecMedium(ChildProcess child, Endpoint endpoint, Duration exitTimeout) {
    this.child = child;
    this.endpoint = endpoint;
    this.exitTimeout = exitTimeout;
  }

  @Override
  public ChannelException failure(boolean reading, int errno) {
    if (errno == Errno.EPIPE) {
      return new ChannelException.Lost(
          child
              .awaitExit(EXIT_AFTER_END)
              .map(exit -> "The command of " + endpoint + " " + exit + " before it took all bytes")
              .orElse("The command of " + endpoint + " takes no more bytes"));
    }
    return Errno.failure(
        (reading ? "Reading from" : "Writing to") + " the command of " + endpoint + " failed",
        reading ? "read" : "write",
        errno);
  }

  @Override
  public void inputEnded() throws ChannelException {
    Duration patience = outlivesItsOutput ? Duration.ZERO : EXIT_AFTER_END;
    Optional<ChildProcess.Exit> exit = child.awaitExit(patience);
    outlivesItsOutput = exit.isEmpty();
    requireSuccess(exit);
  }

  @Override
  public void endOutput() {
    child.input().close(Descriptor.Manner.IN_ORDER);
  }

  @Override
  public void abort() {
    child.input().close(Descriptor.Manner.ABRUPTLY);
    child.output().close(Descriptor.Manner.ABRUPTLY);
    child.terminate();
  }

  @Override
  public void close(boolean broken, boolean wrote) throws ChannelException {
    child.input().close(Descriptor.Manner.IN_ORDER);
    try {
      if (broken || !wrote) {
        child.output().close(Descriptor.Manner.IN_ORDER);
        if (broken || child.awaitExit(EXIT_AFTER_END).isEmpty()) {
          end();
        }
        return;
      }
      child.discardOutput();
      Optional<ChildProcess.Exit> exit = child.awaitExit(exitTimeout);
      if (exit.isEmpty()) {
        end();
        throw new ChannelException.TimedOut(
            "The command of "
                + endpoint
                + " was ended by force, it ran on for "
                + exitTimeout.toSeconds()
                + " s after its input had ended");
      }
      requireSuccess(exit);
    } finally {
      child.output().close(Descriptor.Manner.IN_ORDER);
    }
  }

  private void end() {
    child.terminate();
    child.awaitExit(EXIT_AFTER_KILL);
  }

  private void requireSuccess(Optional<ChildProcess.Exit> exit) throws ChannelException {
    if (exit.isPresent() && !exit.get().isSuccess()) {
      throw new ChannelException.Lost("The command of " + endpoint + " " + exit.get());
    }
  }
}
