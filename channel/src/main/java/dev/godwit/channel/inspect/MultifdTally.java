package dev.godwit.channel.inspect;

import dev.godwit.channel.inspect.MultifdReport.BlockPages;
import dev.godwit.channel.multifd.MultifdCompression;
import dev.godwit.channel.multifd.MultifdInit;
import dev.godwit.channel.multifd.MultifdPacket;
import dev.godwit.channel.multifd.PacketReader;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.ChannelException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/** Counts the packets of one multifd channel; one thread does, others may ask how far it is. */
final class MultifdTally implements PacketReader.Packets {
  /** More than any table has; what is beyond is counted under no name. */
  private static final int MAX_BLOCKS = 4096;

  private final StreamInput in;
  private final MultifdInit init;
  private final Runnable onSync;
  private final Map<String, BlockPages> blocks = new LinkedHashMap<>();
  private int compressionBits;
  private long packets;
  private final AtomicLong syncs = new AtomicLong();
  private long payloadBytes;
  private long deviceStatePackets;
  private long deviceStateBytes;

  /**
   * @param onSync called in the reading thread after each SYNC
   */
  MultifdTally(StreamInput in, Runnable onSync) throws ChannelException, StreamException {
    this.in = in;
    this.onSync = onSync;
    this.init = MultifdInit.read(in);
    in.rename("multifd " + init.id());
  }

  /** Reads to the channel's end. */
  void readAll(int pageBytes) throws ChannelException, StreamException {
    new PacketReader(in, pageBytes, this).readAll();
  }

  long syncs() {
    return syncs.get();
  }

  @Override
  public void pages(MultifdPacket packet) {
    packets++;
    if (packet.hasPages()) {
      String name = packet.blockName();
      String block = blocks.size() < MAX_BLOCKS || blocks.containsKey(name) ? name : "";
      blocks.merge(
          block,
          new BlockPages(block, packet.normalPages(), packet.zeroPages()),
          (before, now) ->
              new BlockPages(
                  block, before.pages() + now.pages(), before.zeroPages() + now.zeroPages()));
      payloadBytes += packet.payloadBytes();
      compressionBits |= packet.compressionBits();
    }
    if (packet.sync()) {
      syncs.incrementAndGet();
      onSync.run();
    }
  }

  @Override
  public void deviceState(long bytes) {
    deviceStatePackets++;
    deviceStateBytes += bytes;
  }

  /** Called when nobody reads any more. */
  MultifdReport report(Optional<Damage> damage) {
    return new MultifdReport(
        init.id(),
        init.guest(),
        in.offset(),
        MultifdCompression.describe(compressionBits),
        packets,
        syncs.get(),
        payloadBytes,
        blocks.values().stream().toList(),
        deviceStatePackets,
        deviceStateBytes,
        damage);
  }
}
