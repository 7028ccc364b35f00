package dev.godwit.migration.device;

import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.ChannelException;

/** A device whose state has a declared format. */
public final class DeclaredDevice<T> implements GuestDevice {
  private static final int MAX_NAME_BYTES = 255;

  private final String name;
  private final long instance;
  private final StateFormat<T> format;
  private final T state;
  private final long version;

  private DeclaredDevice(String name, long instance, StateFormat<T> format, T state, long version) {
    this.name = name;
    this.instance = instance;
    this.format = format;
    this.state = state;
    this.version = version;
  }

  /**
   * @param name of its section, 1 to 255 bytes
   * @param instance which of several of that name
   * @param state the guest's own, saved and loaded in place
   */
  public static <T> DeclaredDevice<T> of(
      String name, long instance, StateFormat<T> format, T state) {
    if (name.isEmpty() || name.length() > MAX_NAME_BYTES) {
      throw new IllegalArgumentException("A name has 1 to 255 bytes, not " + name.length());
    }
    return new DeclaredDevice<>(name, instance, format, state, format.version());
  }

  /**
   * The same device at an older version, as in a guest of an older machine: it writes that, and
   * reads nothing newer.
   *
   * @throws IllegalArgumentException if the format has no such version
   */
  public DeclaredDevice<T> at(long older) {
    format.requireWritten(older);
    return new DeclaredDevice<>(name, instance, format, state, older);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long instance() {
    return instance;
  }

  @Override
  public long version() {
    return version;
  }

  @Override
  public StateDescription save(StreamOutput out) throws ChannelException, GuestException {
    return format.save(state, out, version);
  }

  @Override
  public void load(StreamInput in, long version)
      throws ChannelException, StreamException, GuestException {
    if (version > this.version) {
      throw in.unsupported(
          in.offset(),
          "Device %s has version %d, and this side reads up to %d"
              .formatted(name, version, this.version));
    }
    format.load(state, in, version);
  }
}
