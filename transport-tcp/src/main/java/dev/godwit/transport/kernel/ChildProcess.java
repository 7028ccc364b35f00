package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A shell command with a pipe to each of its three standard descriptors. A thread of its own keeps
 * the end of what it says on standard error, kills it when asked to, and reaps it; that thread ends
 * with the command. Safe for use by many threads.
 */
public final class ChildProcess {
  /** Between the request to end and the end by force. */
  private static final Duration TERM_GRACE = Duration.ofSeconds(2);

  private static final int CHUNK_BYTES = 4096;

  /**
   * How the command ended.
   *
   * @param waitStatus as waitpid(2) gives it
   * @param lastWords the last lines of its standard error, in one line
   */
  public record Exit(int waitStatus, String lastWords) {
    public boolean isSuccess() {
      return waitStatus == 0;
    }

    /** For example {@code ended with status 1 (cat: write error: No space left on device)}. */
    @Override
    public String toString() {
      int signal = waitStatus & 0x7f;
      String how =
          signal == 0
              ? "ended with status " + (waitStatus >> 8 & 0xff)
              : "was killed by signal " + signal;
      return lastWords.isEmpty() ? how : how + " (" + lastWords + ")";
    }
  }

  private final int pid;
  private final Descriptor input;
  private final Descriptor output;
  private final Descriptor errors;
  private final Descriptor pidfd;
  private final Waker killer;
  private final Waker discarder;
  private final ErrorTail tail = new ErrorTail();
  private final CompletableFuture<Exit> exit = new CompletableFuture<>();
  private boolean reaped;
  private boolean terminating;

  private ChildProcess(int pid, List<Descriptor> pipes, Descriptor pidfd, List<Waker> wakers) {
    this.pid = pid;
    this.input = pipes.get(0);
    this.output = pipes.get(1);
    this.errors = pipes.get(2);
    this.pidfd = pidfd;
    this.killer = wakers.get(0);
    this.discarder = wakers.get(1);
  }

  /** Runs {@code /bin/sh -c command}. */
  public static ChildProcess start(String command) throws ChannelException {
    List<Waker> wakers = new ArrayList<>();
    List<Descriptor> ours = new ArrayList<>();
    List<Descriptor> theirs = new ArrayList<>();
    boolean done = false;
    try {
      wakers.add(Waker.open());
      wakers.add(Waker.open());
      openPipe(true, ours, theirs);
      openPipe(false, ours, theirs);
      openPipe(false, ours, theirs);
      int pid =
          Errno.check(
              Processes.shell(
                  command, theirs.get(0).number(), theirs.get(1).number(), theirs.get(2).number()),
              "Cannot run /bin/sh",
              "posix_spawn");
      ChildProcess child = new ChildProcess(pid, ours, pidfd(pid), wakers);
      Thread.ofPlatform().daemon().name("godwit-exec-" + pid).start(child::supervise);
      done = true;
      return child;
    } finally {
      close(theirs);
      if (!done) {
        close(ours);
        wakers.forEach(Waker::close);
      }
    }
  }

  private static void openPipe(boolean commandReads, List<Descriptor> ours, List<Descriptor> theirs)
      throws ChannelException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pair = arena.allocate(JAVA_INT, 2);
      Errno.check(Libc.pipe(pair, Libc.O_CLOEXEC), "Cannot make a pipe", "pipe2");
      int its = pair.getAtIndex(JAVA_INT, commandReads ? 0 : 1);
      int mine = pair.getAtIndex(JAVA_INT, commandReads ? 1 : 0);
      theirs.add(Descriptor.file(its));
      ours.add(Descriptor.file(mine));
      ours.set(ours.size() - 1, Descriptor.pipe(mine));
      if (its <= 2) {
        // This process was started without one of its own three; the child's must not collide.
        int above = Libc.fcntl(its, Libc.F_DUPFD_CLOEXEC, 3);
        theirs.add(Descriptor.file(Errno.check(above, "Cannot move a pipe", "fcntl")));
        theirs.remove(theirs.size() - 2).close(Descriptor.Manner.IN_ORDER);
      }
    }
  }

  private static Descriptor pidfd(int pid) throws ChannelException {
    int fd = Processes.pidfd(pid);
    if (fd < 0) {
      Processes.kill(-pid, Processes.SIGKILL);
      try (Arena arena = Arena.ofConfined()) {
        Processes.waitpid(pid, arena.allocate(JAVA_INT), 0);
      }
      throw Errno.failure("Cannot watch a process", "pidfd_open", -fd);
    }
    return Descriptor.file(fd);
  }

  private static void close(List<Descriptor> descriptors) {
    descriptors.forEach(descriptor -> descriptor.close(Descriptor.Manner.IN_ORDER));
  }

  /** Writes to its standard input. */
  public Descriptor input() {
    return input;
  }

  /** Reads from its standard output. */
  public Descriptor output() {
    return output;
  }

  /** How it ended, as soon as it has; empty if it still runs after {@code patience}. */
  public Optional<Exit> awaitExit(Duration patience) {
    Deadline deadline = Deadline.after(patience);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return Optional.of(exit.get(deadline.remainingNanos(), TimeUnit.NANOSECONDS));
        } catch (TimeoutException e) {
          return Optional.empty();
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          throw new IllegalStateException("The thread that watches a command failed", e);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Asks the command and all of its process group to end, and forces them soon; never blocks. */
  public void terminate() {
    synchronized (this) {
      // The number is the command's own only until it is reaped.
      if (reaped || terminating) {
        return;
      }
      terminating = true;
      Processes.kill(-pid, Processes.SIGTERM);
    }
    killer.wake();
  }

  /** From now on what it writes to its standard output is thrown away, so that it can end. */
  public void discardOutput() {
    discarder.wake();
  }

  private void supervise() {
    boolean entered = false;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment chunk = arena.allocate(CHUNK_BYTES);
      MemorySegment status = arena.allocate(JAVA_INT);
      entered = watch(new PollSet(arena, 5), chunk);
      readErrors(chunk);
      synchronized (this) {
        Processes.waitpid(pid, status, 0);
        reaped = true;
      }
      exit.complete(new Exit(status.get(JAVA_INT, 0), tail.text()));
    } catch (RuntimeException | Error e) {
      exit.completeExceptionally(e);
      throw e;
    } finally {
      if (entered) {
        output.leaveFromRead();
      }
      close(List.of(errors, pidfd));
      killer.close();
      discarder.close();
    }
  }

  /**
   * Serves the command's pipes and the requests to kill it until it has ended.
   *
   * @return whether output has been entered
   */
  private boolean watch(PollSet polls, MemorySegment chunk) {
    boolean errorsOpen = true;
    boolean discarding = false;
    boolean outputOpen = false;
    boolean entered = false;
    boolean killing = false;
    Deadline kill = Deadline.never();
    while (true) {
      polls.clear();
      int ended = polls.add(pidfd.number());
      int said = polls.add(errorsOpen ? errors.number() : -1);
      int wrote = polls.add(outputOpen ? output.number() : -1);
      int mustKill = polls.add(killing ? -1 : killer.number());
      int mustDiscard = polls.add(discarding ? -1 : discarder.number());
      polls.await(kill);
      if (polls.isReady(said)) {
        errorsOpen = readErrors(chunk);
      }
      if (polls.isReady(wrote)) {
        long count = output.readNow(polls.frame(), chunk.address(), CHUNK_BYTES);
        outputOpen = count > 0 || count == -Errno.EAGAIN || count == -Errno.EINTR;
      }
      if (polls.isReady(mustDiscard)) {
        discarding = true;
        outputOpen = output.enterToRead();
        entered = outputOpen;
      }
      if (polls.isReady(mustKill)) {
        killing = true;
        kill = Deadline.after(TERM_GRACE);
      } else if (kill.hasPassed()) {
        Processes.kill(-pid, Processes.SIGKILL);
        kill = Deadline.never();
      }
      if (polls.isReady(ended)) {
        return entered;
      }
    }
  }

  /** Takes what is there; false at the end. */
  private boolean readErrors(MemorySegment chunk) {
    CallFrame frame = new CallFrame();
    while (true) {
      long count = errors.readNow(frame, chunk.address(), CHUNK_BYTES);
      for (long i = 0; i < count; i++) {
        tail.add(chunk.get(JAVA_BYTE, i));
      }
      if (count == -Errno.EAGAIN) {
        return true;
      }
      if (count <= 0 && count != -Errno.EINTR) {
        return false;
      }
    }
  }
}
