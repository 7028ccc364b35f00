package dev.godwit.migration.device;

/** A number of an array. */
@FunctionalInterface
public interface NumberAt<T> {
  long at(T state, int index);
}
