package dev.godwit.channel.ram;

import dev.godwit.transport.Placement;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.ArrayChannel;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Places what is put at the next barrier and not before, latest first, and announces nothing. */
final class SilentChannel extends ArrayChannel {
  private final MemorySegment there;
  private final List<Runnable> puts = new ArrayList<>();

  /**
   * @param there the peer's only region
   */
  SilentChannel(MemorySegment there) {
    super(new byte[0], 0, Integer.MAX_VALUE, Placement.SILENT);
    this.there = there;
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length) {
    puts.add(() -> MemorySegment.copy(src.memory(), srcOffset, there, dstOffset, length));
  }

  @Override
  public void barrier() {
    puts.reversed().forEach(Runnable::run);
    puts.clear();
    super.barrier();
  }
}
