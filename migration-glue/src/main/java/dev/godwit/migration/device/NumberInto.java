package dev.godwit.migration.device;

/** Sets a number of an array. */
@FunctionalInterface
public interface NumberInto<T> {
  /**
   * @throws IllegalArgumentException to refuse it
   */
  void set(T state, int index, long value);
}
