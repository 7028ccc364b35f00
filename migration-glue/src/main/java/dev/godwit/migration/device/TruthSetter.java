package dev.godwit.migration.device;

/** Sets a truth. */
@FunctionalInterface
public interface TruthSetter<T> {
  /**
   * @throws IllegalArgumentException to refuse it
   */
  void set(T state, boolean value);
}
