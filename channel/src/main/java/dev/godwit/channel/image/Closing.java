package dev.godwit.channel.image;

import dev.godwit.transport.ChannelException;
import java.util.List;

/** Closes many things although some of them fail to. */
final class Closing {
  private Closing() {}

  /** Closes all in order; the first failure is thrown once all were. */
  @SafeVarargs
  static void all(List<? extends AutoCloseable>... things) throws ChannelException {
    ChannelException first = null;
    for (List<? extends AutoCloseable> some : things) {
      for (AutoCloseable thing : some) {
        try {
          thing.close();
        } catch (ChannelException e) {
          if (first == null) {
            first = e;
          } else {
            first.addSuppressed(e);
          }
        } catch (RuntimeException e) {
          throw e;
        } catch (Exception e) {
          throw new IllegalStateException(e);
        }
      }
    }
    if (first != null) {
      throw first;
    }
  }
}
