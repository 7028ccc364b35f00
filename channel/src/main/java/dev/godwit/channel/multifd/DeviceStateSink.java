package dev.godwit.channel.multifd;

import java.io.IOException;

/** Takes the device state that arrives on multifd channels (qemu-wire.md §4.7). */
public interface DeviceStateSink {

  /** What a packet may hold at the most; memory is taken for it. */
  int limitBytes();

  /**
   * Takes a packet, which is the sink's from now on. Called by the threads of several channels at
   * once; a failure is that of the channel.
   */
  void accept(DeviceStatePacket packet) throws IOException;
}
