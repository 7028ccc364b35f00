package dev.godwit.migration.device;

import dev.godwit.channel.stream.StateDescription.Field;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.transport.ChannelException;
import java.util.Optional;

/** Where an old version had something. */
record UnusedPart<T>(int bytes) implements Part<T> {
  private static final String NAME = "unused";

  @Override
  public void save(T state, Saving into) throws ChannelException {
    for (int i = 0; i < bytes; i++) {
      into.out().u8(0);
    }
    into.describe(new Field(NAME, Layout.UNUSED, bytes, 1, Optional.empty()));
  }

  @Override
  public void load(T state, Loading from) throws ChannelException, StreamException {
    from.in().skip(bytes);
  }

  @Override
  public Layout.Entry layout(long version) {
    return new Layout.Entry(NAME, Layout.UNUSED, Count.fixed(bytes), Optional.empty());
  }
}
