package dev.godwit.migration.device;

import dev.godwit.migration.guest.GuestException;

/** Looks over a state that was loaded, subsections included. */
@FunctionalInterface
public interface LoadHook<T> {
  /**
   * @param version that was loaded; what a newer one added is as it was before
   * @throws IllegalArgumentException if no such state can be
   * @throws GuestException if the guest cannot take it
   */
  void run(T state, long version) throws GuestException;
}
