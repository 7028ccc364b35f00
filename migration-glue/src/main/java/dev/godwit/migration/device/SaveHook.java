package dev.godwit.migration.device;

import dev.godwit.migration.guest.GuestException;

/** Prepares a state to be saved. */
@FunctionalInterface
public interface SaveHook<T> {
  /**
   * @throws GuestException if it cannot be saved
   */
  void run(T state) throws GuestException;
}
