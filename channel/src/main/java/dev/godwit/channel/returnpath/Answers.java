package dev.godwit.channel.returnpath;

import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.Ending;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.Uninterruptibly;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What the destination answers on the main channel, read on a thread of its own while the guest is
 * sent: what is not read holds up the barriers of a transport that places.
 *
 * <p>Any thread may ask; each wait ends with the first failure, too.
 */
public final class Answers implements AutoCloseable {
  /** Longer than any message that this side understands. */
  private static final int BUFFER_BYTES = 1024;

  private final Channel main;
  private final Ending ending;
  private final Monitor monitor = new Monitor();
  private final Thread thread;
  private final long begun = System.nanoTime();
  private Optional<Duration> firstWord = Optional.empty();
  private boolean heard;
  private boolean ready;
  private boolean confirmed;
  private @Nullable IOException failure;

  /**
   * Reads from now on.
   *
   * @param main stays the caller's, who aborts it before this is closed
   * @param ending of the migration, which is given up if the destination says that it failed
   */
  public Answers(Channel main, Ending ending) {
    this.main = main;
    this.ending = ending;
    this.thread = Thread.ofPlatform().daemon().name("migration-answers").start(this::read);
  }

  private void read() {
    try (StreamInput in = new StreamInput(main, "return path", BUFFER_BYTES)) {
      ReturnPathReader answers = new ReturnPathReader(in, Long.BYTES);
      while (true) {
        Optional<ReturnPathMessage> next = answers.next();
        if (next.isEmpty()) {
          throw new ChannelException.EndedEarly(
              "The destination ended before it said whether it has the guest");
        }
        note(this::hear);
        switch (next.get()) {
          case ReturnPathMessage.Shut shut -> {
            end(shut);
            return;
          }
          case ReturnPathMessage.Ready ignored -> note(() -> ready = true);
          case ReturnPathMessage.Reason reason ->
              // The SHUT that follows says no more than this.
              throw new ChannelException.Refused("The destination: " + reason.text());
          default -> {}
        }
      }
    } catch (IOException e) {
      fail(e);
    } catch (RuntimeException | Error e) {
      fail(new IOException("The destination's answers cannot be read", e));
    }
  }

  private void fail(IOException e) {
    note(() -> failure = e);
    ending.abort(e);
  }

  private void hear() {
    if (!heard) {
      heard = true;
      firstWord = Optional.of(Duration.ofNanos(System.nanoTime() - begun));
    }
  }

  /** How long the destination took to say anything at all, once it has; any thread. */
  public Optional<Duration> firstWord() {
    monitor.lock();
    try {
      return firstWord;
    } finally {
      monitor.unlock();
    }
  }

  private void end(ReturnPathMessage.Shut shut) throws ChannelException {
    if (!shut.succeeded()) {
      throw new ChannelException.Refused(
          "The destination says that it could not load the guest; its log has the reason");
    }
    note(() -> confirmed = true);
  }

  /** Changes what is known, and wakes whoever waits for that. */
  private void note(Runnable change) {
    monitor.lock();
    try {
      change.run();
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
  }

  /**
   * Waits until the destination says that it has the whole guest and waits for the source to give
   * it up, as one of Godwit's own does.
   *
   * @throws ChannelException.Refused if it does not take the guest
   * @throws IOException if it says nothing any more, nothing by {@code deadline}, or that the guest
   *     is its own already
   */
  public void awaitReady(Deadline deadline) throws IOException {
    monitor.lock();
    try {
      while (!ready) {
        requireOpen();
        if (confirmed) {
          throw new ChannelException.Violated(
              "The destination took the guest before it was given up");
        }
        if (!monitor.await(deadline)) {
          throw silent("has the whole guest");
        }
      }
    } finally {
      monitor.unlock();
    }
  }

  /**
   * Waits until the destination has said that it has the guest.
   *
   * @param firstWord by when it must have said anything at all, as it does at once if it can
   * @throws IOException if it has said that it has not, or says nothing any more
   */
  public void awaitConfirmed(Deadline firstWord) throws IOException {
    monitor.lock();
    try {
      while (!confirmed) {
        requireOpen();
        if (heard) {
          monitor.await();
        } else if (!monitor.await(firstWord)) {
          throw new ChannelException.TimedOut(
              "Nobody answers at "
                  + main.info().remote()
                  + "; where nobody can, return-path is to be off");
        }
      }
    } finally {
      monitor.unlock();
    }
  }

  /**
   * Waits until the destination has said that it has the guest, which then is its own.
   *
   * @param deadline by when it must have said so
   * @throws IOException if it has said that it has not, or says nothing any more; unless it is
   *     {@code Refused}, nobody knows whether it has
   */
  public void awaitShut(Deadline deadline) throws IOException {
    monitor.lock();
    try {
      while (!confirmed) {
        requireOpen();
        if (!monitor.await(deadline)) {
          throw silent("has taken the guest");
        }
      }
    } finally {
      monitor.unlock();
    }
  }

  private void requireOpen() throws IOException {
    if (failure != null) {
      throw failure;
    }
  }

  private ChannelException.TimedOut silent(String what) {
    return new ChannelException.TimedOut(
        "The destination at " + main.info().remote() + " does not say whether it " + what);
  }

  /** Whether the destination has said that it has the guest. */
  public boolean isConfirmed() {
    monitor.lock();
    try {
      return confirmed;
    } finally {
      monitor.unlock();
    }
  }

  /** That the destination does not take the guest, if it says so by {@code deadline}. */
  public Optional<ChannelException.Refused> refusal(Deadline deadline) {
    monitor.lock();
    try {
      while (!confirmed && failure == null && monitor.await(deadline)) {
        // Not told yet.
      }
      return failure instanceof ChannelException.Refused refused
          ? Optional.of(refused)
          : Optional.empty();
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void close() {
    Uninterruptibly.join(thread);
  }
}
