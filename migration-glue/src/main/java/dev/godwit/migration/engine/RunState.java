package dev.godwit.migration.engine;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StateDescription.Field;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.transport.ChannelException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Whether the guest ran when its migration began, and so is to run at the destination; where QEMU
 * has it too (qemu-wire.md §1.5). The engine adds it to the devices of a guest that has none of
 * that name.
 *
 * <pre>
 *   0    u32  length of the name and its zero
 *   4  100    "running" or "paused", padded with zeroes
 * </pre>
 */
final class RunState implements GuestDevice {
  static final String NAME = "globalstate";

  private static final int NAME_BYTES = 100;
  private static final String RUNNING = "running";
  private static final String PAUSED = "paused";

  private volatile boolean running;

  RunState(boolean running) {
    this.running = running;
  }

  boolean isRunning() {
    return running;
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public long instance() {
    return 0;
  }

  @Override
  public long version() {
    return 1;
  }

  @Override
  public StateDescription save(StreamOutput out) throws ChannelException {
    String state = running ? RUNNING : PAUSED;
    out.u32(state.length() + 1L);
    out.bytes(Arrays.copyOf(state.getBytes(US_ASCII), NAME_BYTES));
    return new StateDescription(
        NAME,
        1,
        List.of(
            new Field("size", "uint32", Integer.BYTES, 1, Optional.empty()),
            new Field("runstate", "buffer", NAME_BYTES, 1, Optional.empty())),
        List.of());
  }

  @Override
  public void load(StreamInput in, long version) throws ChannelException, StreamException {
    long start = in.offset();
    long size = in.u32();
    byte[] state = in.bytes(NAME_BYTES);
    int length = 0;
    while (length < NAME_BYTES && state[length] != 0) {
      length++;
    }
    String name = new String(state, 0, length, US_ASCII);
    if (size != length + 1L) {
      throw in.malformed(start, "The run state's length is " + size + ", not " + (length + 1L));
    }
    // QEMU has many states, and in all others of them a guest does not run.
    running = name.equals(RUNNING);
  }
}
