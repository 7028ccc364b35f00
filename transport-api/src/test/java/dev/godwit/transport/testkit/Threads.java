package dev.godwit.transport.testkit;

import java.util.ArrayList;
import java.util.List;

/** Runs pieces of a test at the same time. */
public final class Threads {
  /** A piece of a test. */
  @FunctionalInterface
  public interface Body {
    void run() throws Exception;
  }

  private Threads() {}

  /** Starts {@code body}; whoever calls this asks for its outcome. */
  public static Task<Boolean> start(String name, Body body) {
    return Task.start(name, () -> call(body));
  }

  /** Runs all at once and returns when all have; throws the first failure. */
  public static void run(Body... bodies) {
    List<Task<Boolean>> tasks = new ArrayList<>();
    for (Body body : bodies) {
      tasks.add(start("test-" + tasks.size(), body));
    }
    AssertionError failure = null;
    for (Task<Boolean> task : tasks) {
      try {
        task.result();
      } catch (AssertionError e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private static boolean call(Body body) throws Exception {
    body.run();
    return true;
  }
}
