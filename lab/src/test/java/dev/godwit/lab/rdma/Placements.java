package dev.godwit.lab.rdma;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.lab.engine.Wrapping;
import dev.godwit.migration.guest.Guest;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.ForwardingChannel;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/**
 * Looks at the channels of one side of a migration: which memory they put from and get into, and
 * how many bytes went each way. Thread-safe.
 */
final class Placements {
  /**
   * Memory by where it is, which no copy of it has.
   *
   * @param address its first byte's
   * @param length in bytes
   */
  record Memory(long address, long length) {
    static Memory of(MemorySegment segment) {
      return new Memory(segment.address(), segment.byteSize());
    }
  }

  private final List<Channel> channels = new CopyOnWriteArrayList<>();
  private final Set<Memory> sources = ConcurrentHashMap.newKeySet();
  private final Set<Memory> targets = ConcurrentHashMap.newKeySet();

  /** The memory of a guest, block by block. */
  static Set<Memory> of(Guest guest) {
    return guest.ramBlocks().stream()
        .map(RamBlock::memory)
        .map(Memory::of)
        .collect(Collectors.toSet());
  }

  /** Looks at each channel of a dialer or a listener. */
  Wrapping wrapping() {
    return (n, inner) -> {
      channels.add(inner);
      return new Watched(inner);
    };
  }

  /** All that was put from. */
  Set<Memory> sources() {
    return Set.copyOf(sources);
  }

  /** All that was got into. */
  Set<Memory> targets() {
    return Set.copyOf(targets);
  }

  /** The channels themselves, the main one first. */
  List<Channel> channels() {
    return List.copyOf(channels);
  }

  /** A figure of all channels together. */
  long sum(ToLongFunction<ChannelStats> figure) {
    return channels.stream().map(Channel::stats).mapToLong(figure).sum();
  }

  private final class Watched extends ForwardingChannel {
    Watched(Channel inner) {
      super(inner);
    }

    @Override
    public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
        throws ChannelException {
      sources.add(Memory.of(src.memory()));
      super.put(src, srcOffset, dst, dstOffset, length);
    }

    @Override
    public void get(Region dst, long dstOffset, long length) throws ChannelException {
      targets.add(Memory.of(dst.memory()));
      super.get(dst, dstOffset, length);
    }
  }
}
