package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Region;
import java.lang.foreign.Arena;
import java.util.Optional;

/**
 * A guest's memory without the guest: the blocks that a stream's own table names, in memory that
 * takes up room as it is written. Closing frees it, after the peer's access to it is gone.
 */
public final class RamImage implements RamDestination, AutoCloseable {
  private final long ceilingBytes;
  private final int pageBytes;
  private final Optional<Peer> peer;
  private final Arena arena = Arena.ofShared();
  private Optional<RamBlocks> blocks = Optional.empty();
  private Optional<RamRegions> regions = Optional.empty();

  /**
   * An image whose memory is registered with nobody.
   *
   * @param ceilingBytes of all blocks together; a stream that has more is refused
   * @param pageBytes the target's page size
   */
  public RamImage(long ceilingBytes, int pageBytes) {
    this(ceilingBytes, pageBytes, Optional.empty());
  }

  /**
   * An image that {@code peer} may place pages in.
   *
   * @param ceilingBytes of all blocks together; a stream that has more is refused
   * @param pageBytes the target's page size
   */
  public RamImage(long ceilingBytes, int pageBytes, Peer peer) {
    this(ceilingBytes, pageBytes, Optional.of(peer));
  }

  private RamImage(long ceilingBytes, int pageBytes, Optional<Peer> peer) {
    this.ceilingBytes = ceilingBytes;
    this.pageBytes = pageBytes;
    this.peer = peer;
  }

  @Override
  public RamBlocks blocks(RamTable table, StreamInput in, long offset)
      throws ChannelException, StreamException {
    if (table.totalBytes() > ceilingBytes) {
      throw in.mismatched(offset, tooMuch(table));
    }
    return create(table);
  }

  /**
   * Makes the blocks of {@code table}, all of them zero; once.
   *
   * @throws IllegalArgumentException if they are longer than the ceiling
   */
  public RamBlocks create(RamTable table) throws ChannelException {
    if (table.totalBytes() > ceilingBytes) {
      throw new IllegalArgumentException(tooMuch(table));
    }
    if (blocks.isPresent()) {
      throw new IllegalStateException("The image has its blocks already");
    }
    RamBlocks made = new RamBlocks(table.blocks().stream().map(this::block).toList());
    if (peer.isPresent()) {
      regions = Optional.of(new RamRegions(made, peer.get(), Access.REMOTE_WRITE));
    }
    blocks = Optional.of(made);
    return made;
  }

  private String tooMuch(RamTable table) {
    return "The guest has "
        + table.totalBytes()
        + " bytes of RAM, and no more than "
        + ceilingBytes
        + " are taken";
  }

  private RamBlock block(RamTable.Entry entry) {
    int page = (int) Math.min(entry.pageBytes().orElse(pageBytes), PageUnits.MAX_BYTES);
    return new RamBlock(entry.name(), AnonymousMemory.allocate(entry.lengthBytes(), arena), page);
  }

  /** The blocks, once there are any. */
  public Optional<RamBlocks> blocks() {
    return blocks;
  }

  /** The registrations of the blocks, once there are any and a peer to have them. */
  public Optional<RamRegions> regions() {
    return regions;
  }

  @Override
  public Region region(RamBlock block) {
    return regions
        .orElseThrow(() -> new IllegalStateException("The image is registered with nobody"))
        .local(block);
  }

  @Override
  public void close() throws ChannelException {
    try {
      if (regions.isPresent()) {
        regions.get().close();
      }
    } finally {
      arena.close();
    }
  }
}
