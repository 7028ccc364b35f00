package dev.godwit.channel.multifd;

import dev.godwit.channel.multifd.PageQueue.Batch;
import dev.godwit.channel.ram.PageUnits;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Placement;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The multifd channels of a source: pages are handed over one by one and leave in packets on
 * whichever channel is free. Channels are added in the order of their ids and belong to the sender
 * from then on; each has a platform thread, which looks for zero pages where the settings say so.
 *
 * <p>One thread hands pages over and calls {@link #sync}: at each EOS or at the end of each pass,
 * as the dialect has it, and always before any byte of memory is sent a second time, on whatever
 * channel. It writes the main channel's mark after that, and flushes it before it hands over
 * another page: the peer's channels wait for it. The first failure of any channel ends all of them,
 * and is what every later call fails with.
 */
public final class MultifdSender implements AutoCloseable {
  /** One that is sent and one that waits for each channel: enough that no channel is idle. */
  private static final int BATCHES_A_CHANNEL = 2;

  private final MultifdSettings settings;
  private final PageUnits units;
  private final RamRegions regions;
  private final Deadline remotes;
  private final Consumer<MultifdException> failed;
  private final PageQueue queue;
  private final IdentityHashMap<RamBlock, PageSource> sources = new IdentityHashMap<>();
  private final List<SendingChannel> lines = new ArrayList<>();
  private final AtomicLong packets = new AtomicLong();
  private final LongAdder normalPages = new LongAdder();
  private final LongAdder zeroPages = new LongAdder();
  private final LongAdder normalBytes = new LongAdder();
  private final LongAdder zeroBytes = new LongAdder();
  private @Nullable Batch batch;
  private volatile boolean finished;

  /**
   * @param regions of the blocks to send, registered with the channels' peer; they outlive the
   *     sender
   * @param remotes by when the peer must have made its memory known
   * @param failed told once of the first failure, by the thread that met it, and not of {@link
   *     #abort}; the main channel is to be aborted then. Must not block
   */
  public MultifdSender(
      MultifdSettings settings,
      RamRegions regions,
      Deadline remotes,
      Consumer<MultifdException> failed) {
    this.settings = settings;
    this.units = settings.units();
    this.regions = regions;
    this.remotes = remotes;
    this.failed = failed;
    this.queue =
        new PageQueue(
            settings.channels(),
            BATCHES_A_CHANNEL * settings.channels(),
            MultifdPacket.pages(settings.pageBytes()));
  }

  /** Takes over the channel of the next id, on which nothing was written; it says so at once. */
  public void add(Channel channel) throws MultifdException {
    SendingChannel line;
    synchronized (lines) {
      if (lines.size() == settings.channels()) {
        throw new IllegalStateException("All multifd channels are there");
      }
      line = new SendingChannel(this, channel, lines.size());
      lines.add(line);
    }
    if (channel.info().capabilities().placement() == Placement.SILENT) {
      throw fail(
          "A multifd channel cannot be used",
          new ChannelException.Unsupported(
              "Multifd needs a transport that says where each page lands"));
    }
    line.start();
    Optional<MultifdException> before = queue.failure();
    if (before.isPresent()) {
      line.abort(before.get());
      throw before.get();
    }
  }

  /**
   * Hands over one page of the block's unit in the settings, which may change until the next {@link
   * #sync}; waits while all channels are busy.
   *
   * @param offset in the block, of a whole page
   */
  public void send(RamBlock block, long offset) throws MultifdException {
    int pageBytes = units.of(block);
    if (offset < 0 || offset > block.lengthBytes() - pageBytes || (offset & (pageBytes - 1)) != 0) {
      throw new IndexOutOfBoundsException("There is no page at " + offset + " of " + block);
    }
    PageSource source = source(block);
    Batch filling = batch;
    if (filling != null && !filling.isOf(source)) {
      queue.put(filling);
      filling = null;
    }
    if (filling == null) {
      filling = queue.take();
      filling.begin(source);
    }
    filling.add(offset);
    if (filling.isFull()) {
      queue.put(filling);
      filling = null;
    }
    batch = filling;
  }

  private PageSource source(RamBlock block) throws MultifdException {
    PageSource source = sources.get(block);
    if (source == null) {
      requireAll();
      try {
        source =
            new PageSource(
                block, regions.local(block), regions.remote(block, remotes), units.of(block));
      } catch (ChannelException e) {
        throw fail("The peer's memory of " + block + " cannot be reached", e);
      }
      sources.put(block, source);
    }
    return source;
  }

  /**
   * Says SYNC on every channel behind all pages. On return no page is read from memory any more,
   * and where bytes are placed, all are in the peer's memory.
   */
  public void sync() throws MultifdException {
    requireAll();
    Batch filling = batch;
    batch = null;
    if (filling != null) {
      queue.put(filling);
    }
    queue.sync();
  }

  /**
   * Ends the channels in order after the last {@link #sync}; whether the peer has it all, its main
   * channel tells.
   */
  public void finish() throws MultifdException {
    if (batch != null) {
      throw new IllegalStateException("Pages were handed over after the last sync");
    }
    queue.end();
    for (SendingChannel line : all()) {
      line.join();
    }
    Optional<MultifdException> failure = queue.failure();
    if (failure.isPresent()) {
      throw failure.get();
    }
    finished = true;
  }

  /** Gives all channels up; whoever waits here is told so. Any thread, never blocks. */
  public void abort(Throwable cause) {
    queue.fail(new MultifdException("The multifd channels were given up", cause));
    abortAll(cause);
  }

  /** Pages that were sent with their bytes. */
  public long normalPages() {
    return normalPages.sum();
  }

  /** Pages that were sent as zero. */
  public long zeroPages() {
    return zeroPages.sum();
  }

  /** Guest memory that was sent as it is, in bytes; any thread. */
  public long normalBytes() {
    return normalBytes.sum();
  }

  /** Guest memory that was sent as zero, in bytes; any thread. */
  public long zeroBytes() {
    return zeroBytes.sum();
  }

  /** Gives up what was not finished, waits for the threads and closes the channels. */
  @Override
  public void close() throws ChannelException {
    if (!finished) {
      abort(new IllegalStateException("The multifd sender was closed before it was finished"));
    }
    for (SendingChannel line : all()) {
      line.close();
    }
  }

  MultifdSettings settings() {
    return settings;
  }

  PageQueue queue() {
    return queue;
  }

  long nextPacket() {
    return packets.getAndIncrement();
  }

  void count(int normal, int zero, int unitBytes) {
    normalPages.add(normal);
    zeroPages.add(zero);
    normalBytes.add((long) normal * unitBytes);
    zeroBytes.add((long) zero * unitBytes);
  }

  /** The first failure ends all; returns what came first. */
  MultifdException fail(String sentence, Throwable cause) {
    MultifdException mine = new MultifdException(sentence, cause);
    MultifdException first = queue.fail(mine);
    if (first == mine) {
      abortAll(mine);
      failed.accept(mine);
    }
    return first;
  }

  private void requireAll() {
    if (all().size() < settings.channels()) {
      throw new IllegalStateException(
          "There are " + all().size() + " of " + settings.channels() + " multifd channels");
    }
  }

  private List<SendingChannel> all() {
    synchronized (lines) {
      return List.copyOf(lines);
    }
  }

  private void abortAll(Throwable cause) {
    for (SendingChannel line : all()) {
      line.abort(cause);
    }
  }
}
