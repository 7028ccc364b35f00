package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Pages are put into the peer's memory: the guest's straight from where they are, copies from a
 * registered stage, whose pages are used again once the channel has settled.
 */
final class PlacedSink implements PageSink {
  static final int STAGE_PAGES = 256;

  private final List<RamBlock> blocks;
  private final int pageBytes;
  private final Channel channel;
  private final RamRegions regions;
  private final Duration wait;
  private final Arena arena = Arena.ofShared();
  private final List<MemorySegment> stageSlots = new ArrayList<>();
  private final List<Optional<RemoteRegion>> remotes = new ArrayList<>();
  private final Optional<Region> stage;
  private int stagePage;

  /**
   * @param stagePages how many copies can be on their way; with 0 there are none, and of all that
   *     is registered the peer sees the blocks alone
   * @param wait how long the peer may take to make a block known
   */
  PlacedSink(
      RamBlocks blocks,
      PageUnits units,
      Channel channel,
      RamRegions regions,
      int stagePages,
      Duration wait)
      throws ChannelException {
    this.blocks = blocks.all();
    this.pageBytes = units.targetBytes();
    this.channel = channel;
    this.regions = regions;
    this.wait = wait;
    MemorySegment memory = arena.allocate((long) stagePages * pageBytes, pageBytes);
    for (int page = 0; page < stagePages; page++) {
      stageSlots.add(memory.asSlice((long) page * pageBytes, pageBytes));
    }
    this.blocks.forEach(block -> remotes.add(Optional.empty()));
    try {
      stage = stagePages == 0 ? Optional.empty() : Optional.of(registered(channel, memory));
    } catch (ChannelException | RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  private static Region registered(Channel channel, MemorySegment memory) throws ChannelException {
    String name = "godwit.stage." + channel.info().serial();
    return channel.info().peer().register(name, memory, Access.LOCAL);
  }

  @Override
  public MemorySegment copyOf(MemorySegment memory, long offset) {
    MemorySegment copy = stageSlots.get(stagePage);
    MemorySegment.copy(memory, offset, copy, 0, pageBytes);
    return copy;
  }

  @Override
  public void sendLive(StreamOutput out, int block, long offset, long length)
      throws ChannelException {
    out.put(regions.local(blocks.get(block)), offset, remote(block), offset, length);
  }

  @Override
  public void sendCopy(StreamOutput out, int block, long offset) throws ChannelException {
    out.put(stage.orElseThrow(), (long) stagePage * pageBytes, remote(block), offset, pageBytes);
    stagePage++;
    if (stagePage == stageSlots.size()) {
      channel.settle();
      stagePage = 0;
    }
  }

  private RemoteRegion remote(int block) throws ChannelException {
    Optional<RemoteRegion> known = remotes.get(block);
    if (known.isPresent()) {
      return known.get();
    }
    RemoteRegion found = regions.remote(blocks.get(block), Deadline.after(wait));
    remotes.set(block, Optional.of(found));
    return found;
  }

  @Override
  public void close() throws ChannelException {
    try {
      if (stage.isPresent()) {
        stage.get().close();
      }
    } finally {
      arena.close();
    }
  }
}
