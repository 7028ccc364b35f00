package dev.godwit.lab.embedded;

import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.transport.testkit.ArrayChannel;
import java.util.HexFormat;

/** Saves devices into arrays and loads them from there. */
final class Device {
  private Device() {}

  /** What a device has written, in hexadecimal digits. */
  record State(long version, String bytes) {}

  static State save(GuestDevice device) throws Exception {
    ArrayChannel channel = ArrayChannel.of(new byte[0]);
    try (StreamOutput out = new StreamOutput(channel)) {
      device.save(out);
      out.flush();
    }
    return new State(device.version(), HexFormat.of().formatHex(channel.written()));
  }

  static void load(GuestDevice device, State state) throws Exception {
    byte[] bytes = HexFormat.of().parseHex(state.bytes);
    try (StreamInput in = new StreamInput(ArrayChannel.of(bytes), "main")) {
      device.load(in, state.version);
      if (in.hasMore()) {
        throw new AssertionError(device.name() + " was not read to its end");
      }
    }
  }
}
