package dev.godwit.channel.multifd;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import java.lang.foreign.MemorySegment;

/** A RAM block that pages are sent from; a sender has one of each block. */
final class PageSource {
  private final MemorySegment memory;
  private final Region local;
  private final RemoteRegion remote;
  private final byte[] paddedName;

  PageSource(RamBlock block, Region local, RemoteRegion remote) {
    this.memory = block.memory();
    this.local = local;
    this.remote = remote;
    this.paddedName = MultifdPacket.padded(block.name());
  }

  MemorySegment memory() {
    return memory;
  }

  Region local() {
    return local;
  }

  RemoteRegion remote() {
    return remote;
  }

  /** The name as it stands in a packet; not to be changed. */
  byte[] paddedName() {
    return paddedName;
  }
}
