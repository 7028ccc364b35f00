package dev.godwit.lab.embedded;

import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.Uninterruptibly;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/** Lets all processors of a guest run or stand, and hands their state over between. Thread-safe. */
final class VcpuSwitch {
  /** More than any scheduler takes to give each thread one slice. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final Monitor monitor = new Monitor();
  private final List<Thread> threads = new ArrayList<>();
  private volatile boolean running;
  private volatile int throttle;
  private boolean closed;

  /** Counts how often they were let run; a thread runs once for each. */
  private long runs;

  /** How many have not come to stand since. */
  private int moving;

  private Optional<GuestException> failure = Optional.empty();

  boolean isRunning() {
    return running;
  }

  int throttlePercent() {
    return throttle;
  }

  void throttle(int percent) {
    throttle = percent;
  }

  /** Lets all processors run; starts their threads the first time. */
  void run(List<Vcpu> vcpus) throws GuestException {
    monitor.lock();
    try {
      if (closed) {
        throw new GuestException("The guest has been ended");
      }
      throwFailure();
      if (running) {
        return;
      }
      if (moving > 0) {
        throw new GuestException("The guest has not come to stand yet");
      }
      running = true;
      runs++;
      // Counted here, so that a pause right after this waits for threads that have yet to wake.
      moving = vcpus.size();
      if (threads.isEmpty()) {
        for (Vcpu vcpu : vcpus) {
          threads.add(Thread.ofPlatform().daemon().name("lab-vcpu-" + vcpu.number()).start(vcpu));
        }
      }
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
  }

  /**
   * Stops all processors; on return they stand.
   *
   * @return whether they ran
   */
  boolean stand() throws GuestException {
    monitor.lock();
    try {
      boolean ran = running;
      running = false;
      threads.forEach(LockSupport::unpark);
      Deadline deadline = Deadline.after(PATIENCE);
      while (moving > 0) {
        if (!monitor.await(deadline)) {
          throw new GuestException(
              moving + " of the guest's processors did not stop in " + PATIENCE.toSeconds() + " s");
        }
      }
      throwFailure();
      return ran;
    } finally {
      monitor.unlock();
    }
  }

  /** Whether no processor moves. */
  boolean isStanding() {
    monitor.lock();
    try {
      return !running && moving == 0;
    } finally {
      monitor.unlock();
    }
  }

  /** Ends all threads and waits for that. */
  void close() {
    List<Thread> ending;
    monitor.lock();
    try {
      closed = true;
      running = false;
      ending = List.copyOf(threads);
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
    ending.forEach(LockSupport::unpark);
    ending.forEach(Uninterruptibly::join);
  }

  /**
   * Called by each processor's thread whenever it stands.
   *
   * @param done how often it ran before
   * @return false if it ends
   */
  boolean awaitRun(long done) {
    monitor.lock();
    try {
      while (runs == done && !closed) {
        monitor.await();
      }
      return !closed;
    } finally {
      monitor.unlock();
    }
  }

  /** Called by each processor's thread when it has run and stands now. */
  void stands() {
    monitor.lock();
    try {
      moving--;
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
  }

  /** A processor has broken; the others stop, and whoever asks for anything is told. */
  void failed(int vcpu, Throwable cause) {
    monitor.lock();
    try {
      running = false;
      if (failure.isEmpty()) {
        failure = Optional.of(new GuestException("Processor " + vcpu + " has failed", cause));
      }
    } finally {
      monitor.unlock();
    }
  }

  private void throwFailure() throws GuestException {
    if (failure.isPresent()) {
      throw failure.get();
    }
  }
}
