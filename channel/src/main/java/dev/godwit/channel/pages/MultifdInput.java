package dev.godwit.channel.pages;

import dev.godwit.channel.identity.Arrivals;
import dev.godwit.channel.multifd.MultifdException;
import dev.godwit.channel.multifd.MultifdReceiver;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamDestination;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.channel.ram.RamSectionReader;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Region;
import dev.godwit.transport.support.ChannelReader;
import dev.godwit.transport.support.Ending;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The multifd channels of a destination, in step with its main channel: taken over when the table
 * of RAM blocks was read, and waited for at the main channel's marks. A failure of any of them
 * gives the migration up.
 *
 * <p>The thread that reads the main channel uses it; {@link #channels} and {@link #guest} are for
 * any.
 */
public final class MultifdInput implements AutoCloseable {
  /** A source connects all its channels before it writes its first mark. */
  public static final Duration FIRST_SYNC = Duration.ofSeconds(20);

  /** Between two marks of a slow network may be a packet a channel and all that sockets hold. */
  public static final Duration LATER_SYNC = Duration.ofMinutes(5);

  private final MultifdSettings settings;
  private final Arrivals arrivals;
  private final Ending ending;
  private final Duration firstSync;
  private final Duration laterSync;
  private final SyncMarks marks = new SyncMarks();
  private final SortedMap<Integer, Channel> channels = new TreeMap<>();
  private volatile @Nullable MultifdReceiver receiver;

  /** With the usual patience: {@link #FIRST_SYNC} and {@link #LATER_SYNC}. */
  public MultifdInput(MultifdSettings settings, Arrivals arrivals, Ending ending) {
    this(settings, arrivals, ending, FIRST_SYNC, LATER_SYNC);
  }

  /**
   * @param settings with the target's page size; the dialect shows by itself
   * @param arrivals where the channels come from; stays the caller's
   * @param firstSync how long the channels may take to come to the first mark
   * @param laterSync how long to each later one
   */
  public MultifdInput(
      MultifdSettings settings,
      Arrivals arrivals,
      Ending ending,
      Duration firstSync,
      Duration laterSync) {
    this.settings = settings;
    this.arrivals = arrivals;
    this.ending = ending;
    this.firstSync = firstSync;
    this.laterSync = laterSync;
  }

  /** Passes if an address carries the further channels that multifd needs. */
  public static void requireMany(Channel main) throws ChannelException.Unsupported {
    if (!main.info().capabilities().manyChannels()) {
      throw new ChannelException.Unsupported(
          main.info().remote() + " carries one channel, so multifd cannot go over it");
    }
  }

  /** What the reader of the main channel does at its marks. */
  public RamSectionReader.Marks marks() {
    return marks;
  }

  /**
   * {@code memory}, given to the channels once its blocks are there and are those of the table.
   *
   * @param regions of those blocks, asked for then; they outlive this
   */
  public RamDestination destination(RamDestination memory, Supplier<RamRegions> regions) {
    return new Shared(memory, regions);
  }

  /**
   * The main channel's stream is whole, and with it this.
   *
   * @throws MultifdException if a channel is not in step with it
   */
  public void finish() throws MultifdException {
    MultifdReceiver connected = receiver;
    if (connected != null) {
      connected.finish();
    }
  }

  /** The guest that the settings name or the channels have named, once that is known. */
  public Optional<UUID> guest() {
    MultifdReceiver connected = receiver;
    return connected == null ? settings.guest() : connected.guest();
  }

  /** The channels that have come, by what they say is their id; to ask for their statistics. */
  public Map<Integer, Channel> channels() {
    synchronized (channels) {
      return new TreeMap<>(channels);
    }
  }

  /** Ends what is still going on and closes the channels. */
  @Override
  public void close() throws ChannelException {
    MultifdReceiver connected = receiver;
    if (connected != null) {
      connected.close();
    }
  }

  private void connect(RamBlocks blocks, RamRegions regions) {
    MultifdReceiver made =
        new MultifdReceiver(settings, blocks, regions, Optional.empty(), ending::abort);
    receiver = made;
    ending.with(made::abort);
    arrivals.handTo((id, first) -> add(made, id, first));
  }

  private void add(MultifdReceiver to, int id, ChannelReader first) {
    synchronized (channels) {
      channels.put(id, first.channel());
    }
    try {
      to.add(first);
    } catch (ChannelException | MultifdException e) {
      ending.abort(e);
    }
  }

  /** Memory that the multifd channels are given once it is there. */
  private final class Shared implements RamDestination {
    private final RamDestination memory;
    private final Supplier<RamRegions> regions;

    Shared(RamDestination memory, Supplier<RamRegions> regions) {
      this.memory = memory;
      this.regions = regions;
    }

    @Override
    public void entry(RamTable.Entry entry, StreamInput in)
        throws ChannelException, StreamException {
      memory.entry(entry, in);
    }

    @Override
    public RamBlocks blocks(RamTable table, StreamInput in, long offset)
        throws ChannelException, StreamException {
      RamBlocks blocks = memory.blocks(table, in, offset);
      // The channels write at once, so that no later look at the table would be in time.
      table.requireFits(blocks, in, offset);
      connect(blocks, regions.get());
      return blocks;
    }

    @Override
    public Region region(RamBlock block) {
      return memory.region(block);
    }
  }

  /**
   * The channels wait for one another at the marks of the main channel: the words for it, or each
   * end of a section where the first section has no such word (qemu-wire.md §4.6).
   */
  private final class SyncMarks implements RamSectionReader.Marks {
    private boolean words;
    private boolean synced;

    @Override
    public void flush(long offset) throws ChannelException {
      words = true;
      sync();
    }

    @Override
    public void end(long offset) throws ChannelException {
      if (!words) {
        sync();
      }
    }

    private void sync() throws ChannelException {
      MultifdReceiver connected = receiver;
      if (connected == null) {
        return; // Before the table nothing can be out of step; the reader refuses what comes.
      }
      try {
        connected.awaitSync(Deadline.after(synced ? laterSync : firstSync));
      } catch (MultifdException e) {
        ending.abort(e);
        throw new ChannelException.Aborted("The multifd channels failed", e);
      }
      synced = true;
    }
  }
}
