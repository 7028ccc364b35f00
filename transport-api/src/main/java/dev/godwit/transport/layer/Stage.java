package dev.godwit.transport.layer;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.support.ChannelLifecycle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Private memory from which a layer puts, because what it computed holds for a copy only. Whoever
 * makes it closes it once nothing is put from it any more.
 */
final class Stage implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final Region region;

  /**
   * @param channel over which is put
   * @param purpose for the region's name
   */
  Stage(Channel channel, String purpose, long bytes) throws ChannelException {
    try {
      String name = purpose + "-" + ChannelLifecycle.nextSerial();
      region = channel.info().peer().register(name, arena.allocate(bytes), Access.LOCAL);
    } catch (ChannelException | RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  Region region() {
    return region;
  }

  MemorySegment memory() {
    return region.memory();
  }

  @Override
  public void close() throws ChannelException {
    if (arena.scope().isAlive()) {
      region.close();
      arena.close();
    }
  }
}
