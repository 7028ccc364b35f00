package dev.godwit.transport.support;

import dev.godwit.transport.ChannelException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Closes many things although some of them fail to. */
public final class Closing {
  private Closing() {}

  /**
   * Closes all in order, each whatever became of those before it.
   *
   * @throws ChannelException the first failure, with the later ones suppressed, once all were tried
   * @throws IllegalStateException if the first failure is a checked exception of another kind,
   *     which is its cause
   */
  @SafeVarargs
  public static void all(List<? extends AutoCloseable>... things) throws ChannelException {
    Exception first = null;
    for (List<? extends AutoCloseable> some : things) {
      for (AutoCloseable thing : some) {
        first = close(thing, first);
      }
    }
    switch (first) {
      case null -> {}
      case ChannelException e -> throw e;
      case RuntimeException e -> throw e;
      default -> throw new IllegalStateException("Something could not be closed", first);
    }
  }

  @SuppressWarnings("ReferenceEquality") // Two things may fail with one exception.
  private static @Nullable Exception close(AutoCloseable thing, @Nullable Exception before) {
    try {
      thing.close();
      return before;
    } catch (Exception e) {
      if (before == null) {
        return e;
      }
      if (e != before) {
        before.addSuppressed(e);
      }
      return before;
    }
  }
}
