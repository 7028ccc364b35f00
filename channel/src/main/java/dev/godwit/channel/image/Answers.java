package dev.godwit.channel.image;

import dev.godwit.channel.returnpath.ReturnPathMessage;
import dev.godwit.channel.returnpath.ReturnPathReader;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.Uninterruptibly;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What the destination answers on the main channel, read on a thread of its own while the guest is
 * sent: what is not read holds up the barriers of a transport that places.
 */
final class Answers implements AutoCloseable {
  /** Longer than any message that this side understands. */
  private static final int BUFFER_BYTES = 1024;

  private final Channel main;
  private final Ending ending;
  private final Monitor monitor = new Monitor();
  private final Thread thread;
  private boolean heard;
  private boolean confirmed;
  private @Nullable IOException failure;

  /**
   * @param main stays the caller's, who aborts it before this is closed
   */
  Answers(Channel main, Ending ending) {
    this.main = main;
    this.ending = ending;
    this.thread = Thread.ofPlatform().daemon().name("image-answers").start(this::read);
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
        note(() -> heard = true);
        if (next.get() instanceof ReturnPathMessage.Shut shut) {
          end(shut.value());
          return;
        }
      }
    } catch (IOException e) {
      fail(e);
    }
  }

  private void end(long value) {
    if (value == 0) {
      note(() -> confirmed = true);
    } else {
      fail(
          new ChannelException.Refused(
              "The destination says that it could not load the guest; its log has the reason"));
    }
  }

  private void fail(IOException e) {
    note(() -> failure = e);
    ending.abort(e);
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
   * Waits until the destination has said that it has the guest.
   *
   * @param firstWord by when it must have said anything at all, as it does at once if it can
   * @throws IOException if it has said that it has not, or says nothing any more
   */
  void awaitConfirmed(Deadline firstWord) throws IOException {
    monitor.lock();
    try {
      while (!confirmed) {
        if (failure != null) {
          throw failure;
        }
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

  /** That the destination does not take the guest, if it says so by {@code deadline}. */
  Optional<ChannelException.Refused> refusal(Deadline deadline) {
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
