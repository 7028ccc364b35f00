package dev.godwit.channel.ram;

import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;

/**
 * The RAM blocks of a guest, registered with the peer of one migration for all its channels.
 * Closing takes the peer's access away; before it returns, no guest may run on memory that was
 * exported.
 */
public final class RamRegions implements AutoCloseable {
  private final IdentityHashMap<RamBlock, Region> local = new IdentityHashMap<>();
  private final List<Region> registered = new ArrayList<>();
  private final Peer peer;

  /** Registers every block, in the table's order. */
  public RamRegions(RamBlocks blocks, Peer peer, Access access) throws ChannelException {
    this.peer = peer;
    try {
      for (RamBlock block : blocks.all()) {
        Region region = peer.register(block.name(), block.memory(), access);
        registered.add(region);
        local.put(block, region);
      }
    } catch (ChannelException | RuntimeException e) {
      try {
        close();
      } catch (ChannelException closing) {
        e.addSuppressed(closing);
      }
      throw e;
    }
  }

  /** This side's memory of {@code block}. */
  public Region local(RamBlock block) {
    return Objects.requireNonNull(local.get(block), block.name());
  }

  /** The peer's memory of {@code block}, once the peer has made it known. */
  public RemoteRegion remote(RamBlock block, Deadline deadline) throws ChannelException {
    return peer.remote(block.name(), deadline);
  }

  @Override
  public void close() throws ChannelException {
    while (!registered.isEmpty()) {
      registered.removeLast().close();
    }
    local.clear();
  }
}
