package dev.godwit.transport.support;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Gives up everything that was begun, once, for the first reason; safe for use by many threads. */
public final class Ending {
  private final List<Consumer<Throwable>> begun = new ArrayList<>();
  private @Nullable Throwable cause;

  /**
   * Something was begun that {@code abort} gives up; at once, if it is too late for it.
   *
   * @param abort never blocks
   */
  public void with(Consumer<Throwable> abort) {
    Throwable before;
    synchronized (this) {
      before = cause;
      if (before == null) {
        begun.add(abort);
      }
    }
    if (before != null) {
      abort.accept(before);
    }
  }

  /** Gives all up; whatever comes later changes nothing. Never blocks. */
  public void abort(Throwable reason) {
    List<Consumer<Throwable>> all;
    synchronized (this) {
      if (cause != null) {
        return;
      }
      cause = reason;
      all = List.copyOf(begun);
      begun.clear();
    }
    all.forEach(abort -> abort.accept(reason));
  }

  /** Why all was given up; empty while it was not. */
  public synchronized Optional<Throwable> cause() {
    return Optional.ofNullable(cause);
  }

  /** Gives all up because of {@code failure}, or says which earlier one it only follows from. */
  public IOException first(IOException failure) {
    abort(failure);
    synchronized (this) {
      return cause instanceof IOException first ? first : failure;
    }
  }
}
