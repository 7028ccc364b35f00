package dev.godwit.migration.device;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.ChannelException;
import java.util.Optional;

/** One field of a format, or an array or list that is one field of it. */
interface Part<T> {

  /** Writes what {@code state} has, and says what was written. */
  void save(T state, Saving into) throws ChannelException, GuestException;

  void load(T state, Loading from) throws ChannelException, StreamException, GuestException;

  /**
   * @param version of the format that it is part of
   */
  Layout.Entry layout(long version);

  /** What it has inside, if that is structures. */
  default Optional<Nested<?>> nested() {
    return Optional.empty();
  }
}
