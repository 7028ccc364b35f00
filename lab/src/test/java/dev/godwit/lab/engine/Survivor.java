package dev.godwit.lab.engine;

import dev.godwit.lab.engine.KilledEnd.Moment;
import java.util.List;

/** The end of one migration whose other end is killed. */
interface Survivor extends AutoCloseable {
  /** Begins the migration, and returns at once. */
  void begin() throws Exception;

  /** Waits until this end is over, and returns what it says. */
  String awaitOver() throws Exception;

  /** The other end is dead: what does not wait for that itself is to end now. */
  void bereave();

  /**
   * Fails unless the guest runs at one end, or at none and both say so, and never at two.
   *
   * @param other what the other end did before it died
   */
  void judge(List<Moment> other) throws Exception;

  @Override
  void close() throws Exception;
}
