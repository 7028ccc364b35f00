package dev.godwit.transport.support;

import dev.godwit.transport.Access;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Makes a connection of {@code mem:} with direct placement one whose puts nothing announces: they
 * land in any order, each at any time up to the barrier, and are read from memory only then.
 */
public final class SilentEnds {
  private SilentEnds() {}

  /** The same connection; only the dialling end puts. */
  public static Ends over(Ends direct, Random random) {
    Map<String, MemorySegment> exported = new ConcurrentHashMap<>();
    return new Ends(
        new Side(direct.dialled(), exported, new Random(random.nextLong())),
        new Side(direct.accepted(), exported, new Random(random.nextLong())));
  }

  /** Remembers what the other side may place in. */
  private record Exporting(Peer inner, Map<String, MemorySegment> exported) implements Peer {
    @Override
    public Region register(String name, MemorySegment memory, Access access)
        throws ChannelException {
      if (access == Access.REMOTE_WRITE) {
        exported.put(name, memory);
      }
      return inner.register(name, memory, access);
    }

    @Override
    public RemoteRegion remote(String name, Deadline deadline) throws ChannelException {
      return inner.remote(name, deadline);
    }
  }

  /** One end. One thread uses it. */
  private static final class Side extends ForwardingChannel {
    private static final int LANDS_ONE_IN = 2;

    private final ChannelInfo info;
    private final Map<String, MemorySegment> exported;
    private final Random random;
    private final List<Runnable> puts = new ArrayList<>();

    Side(Channel inner, Map<String, MemorySegment> exported, Random random) {
      super(inner);
      this.exported = exported;
      this.random = random;
      ChannelInfo of = inner.info();
      Capabilities can = of.capabilities();
      this.info =
          new ChannelInfo(
              of.serial(),
              of.local(),
              of.remote(),
              of.identity(),
              new Capabilities(
                  Placement.SILENT,
                  can.protection(),
                  can.manyChannels(),
                  can.bidirectional(),
                  can.halfClose()),
              new Exporting(of.peer(), exported));
    }

    @Override
    public ChannelInfo info() {
      return info;
    }

    @Override
    public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length) {
      MemorySegment there = Objects.requireNonNull(exported.get(dst.name()), dst.name());
      puts.add(() -> MemorySegment.copy(src.memory(), srcOffset, there, dstOffset, length));
      while (!puts.isEmpty() && random.nextInt(LANDS_ONE_IN) == 0) {
        landOne();
      }
    }

    private void landOne() {
      puts.remove(random.nextInt(puts.size())).run();
    }

    private void landAll() {
      while (!puts.isEmpty()) {
        landOne();
      }
    }

    @Override
    public void settle() throws ChannelException {
      landAll();
      super.settle();
    }

    @Override
    public void barrier() throws ChannelException {
      landAll();
      super.barrier();
    }
  }
}
