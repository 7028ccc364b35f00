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
  private final int unitBytes;

  /**
   * @param unitBytes in which the block travels
   */
  PageSource(RamBlock block, Region local, RemoteRegion remote, int unitBytes) {
    this.memory = block.memory();
    this.local = local;
    this.remote = remote;
    this.paddedName = MultifdPacket.padded(block.name());
    this.unitBytes = unitBytes;
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

  int unitBytes() {
    return unitBytes;
  }

  /** How many of the block's pages go into one packet. */
  int packetPages() {
    return MultifdPacket.pagesOf(unitBytes);
  }

  /** The name as it stands in a packet; not to be changed. */
  byte[] paddedName() {
    return paddedName;
  }
}
