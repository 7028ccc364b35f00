package dev.godwit.migration.guest;

import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;

/**
 * Something in a guest whose state moves with it, as one FULL section of the stream (qemu-wire.md
 * §1.3). {@code DeclaredDevice} makes one of a declared format.
 */
public interface GuestDevice {

  /** The section's name, 1 to 255 bytes, such as {@code 0000:00:01.0/clock}. */
  String name();

  /** Which of several of that name. */
  long instance();

  /** The version of the state that this side writes, and the newest it reads. */
  long version();

  /**
   * Writes the state of a guest that is stopped.
   *
   * @param out stands at the section's body; to be left at its end
   * @return what was written, which goes into the stream's description
   */
  StateDescription save(StreamOutput out) throws ChannelException, GuestException;

  /**
   * Reads the state into a guest that does not run yet. After a failure the guest is never run.
   *
   * @param in stands at the section's body; to be left at its end
   * @param version of the state, no newer than {@link #version}
   * @throws StreamException if no such state can be, or this side cannot read it
   */
  void load(StreamInput in, long version) throws ChannelException, StreamException, GuestException;
}
