package dev.godwit.channel.image;

import dev.godwit.channel.multifd.MultifdException;
import dev.godwit.channel.multifd.MultifdReceiver;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamDestination;
import dev.godwit.channel.ram.RamDialect;
import dev.godwit.channel.ram.RamImage;
import dev.godwit.channel.ram.RamSectionReader;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Region;
import dev.godwit.transport.support.ChannelReader;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The destination of one migration that keeps the guest and does not run it: accepts its channels,
 * applies whatever they bring, and answers the source.
 *
 * <pre>
 *   receive ──► the guest is in memory ──► confirm: it is kept, and no longer the source's
 *      │                                └► refuse:  it stays the source's
 *      └──► an exception: it stays the source's
 * </pre>
 *
 * <p>One thread uses it; {@link #abort} is for any.
 */
public final class ImageReceiver implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ImageReceiver.class);

  /** A source connects all its channels before it writes its first mark. */
  private static final Duration FIRST_SYNC = Duration.ofSeconds(20);

  /** Between two marks of a slow network may be a packet a channel and all that sockets hold. */
  private static final Duration LATER_SYNC = Duration.ofMinutes(5);

  /**
   * What the receiver is told about a source.
   *
   * @param maxRamBytes of all RAM blocks together; a guest with more is refused
   * @param multifd if the source has multifd on; it finds the dialect by itself
   * @param lanes opens the file again, where the stream comes from one and has its pages in places
   */
  public record Options(long maxRamBytes, Optional<MultifdSettings> multifd, LaneOpener lanes) {}

  private final Options options;
  private final Ending ending = new Ending();
  private final Arrivals arrivals;
  private final SortedMap<Integer, Channel> multifdChannels = new TreeMap<>();
  private volatile long beganNanos;
  private volatile @Nullable Channel main;
  private @Nullable StreamInput in;
  private @Nullable StreamOutput out;
  private @Nullable GuestImageReader reader;
  private @Nullable RamImage memory;
  private @Nullable MultifdReceiver multifd;

  /**
   * @param listener accepts the source's connections; stays the caller's, and accepts nothing more
   *     once this is closed
   */
  public ImageReceiver(Listener listener, Options options) {
    this.options = options;
    this.arrivals =
        new Arrivals(listener, options.multifd().map(MultifdSettings::channels).orElse(0), ending);
  }

  /**
   * Waits for a source and takes its guest, whose memory is this receiver's until it is closed.
   *
   * @throws StreamException if what it sends is damaged or cannot be kept as an image
   * @throws MultifdException if a multifd channel failed
   * @throws ChannelException if a connection failed, or this was aborted
   */
  public GuestImage receive() throws IOException {
    try {
      ChannelReader first = arrivals.awaitMain();
      Channel channel = first.channel();
      beganNanos = System.nanoTime();
      main = channel;
      ending.with(channel::abort);
      LOG.info("A guest begins to come from {}", channel.info().remote());
      StreamInput input = new StreamInput(first, "main", StreamInput.DEFAULT_BUFFER_BYTES);
      in = input;
      Optional<StreamOutput> answers = Optional.empty();
      if (channel.info().capabilities().bidirectional()) {
        out = new StreamOutput(channel, 512);
        answers = Optional.of(out);
      }
      GuestImageReader guest =
          new GuestImageReader(
              input, configuration -> open(configuration, channel, input), answers);
      reader = guest;
      GuestImage image = guest.read();
      return multifd == null ? image : finish(image, multifd);
    } catch (IOException e) {
      throw ending.first(e);
    }
  }

  private static GuestImage finish(GuestImage image, MultifdReceiver channels)
      throws MultifdException {
    channels.finish();
    return new GuestImage(
        image.configuration(),
        image.uuid().or(channels::guest),
        image.ramSection(),
        image.blocks(),
        image.devices(),
        image.description());
  }

  private RamSectionReader open(
      Optional<Configuration> configuration, Channel channel, StreamInput input)
      throws ChannelException, StreamException {
    if (Configuration.demands(configuration, Configuration.IGNORE_SHARED)) {
      throw input.unsupported(
          input.offset(),
          "The source has x-ignore-shared on, so the stream lacks memory that an image needs");
    }
    int pageBytes = Configuration.pageBytes(configuration);
    RamImage image = new RamImage(options.maxRamBytes(), pageBytes, channel.info().peer());
    memory = image;
    boolean hasPlaces = Configuration.demands(configuration, Configuration.MAPPED_RAM);
    RamTable.Layout layout = new RamTable.Layout(pageBytes, name -> false, false, hasPlaces);
    RamSectionReader.Marks marks = RamSectionReader.Marks.NONE;
    RamDestination destination = image;
    if (hasPlaces) {
      destination =
          new MappedDestination(FileLanes.positioned(channel), image, options.lanes(), ending);
    } else if (options.multifd().isPresent()) {
      requireMany(channel);
      SyncMarks sync = new SyncMarks();
      marks = sync;
      destination =
          new MultifdDestination(
              image,
              () -> sync.channels = connect(options.multifd().get().withPages(pageBytes), image));
    }
    return new RamSectionReader(input, channel, RamDialect.ANY, layout, destination, marks);
  }

  /** Multifd takes an address that carries more than one channel. */
  static void requireMany(Channel channel) throws ChannelException.Unsupported {
    if (!channel.info().capabilities().manyChannels()) {
      throw new ChannelException.Unsupported(
          channel.info().remote() + " carries one channel, so multifd cannot go over it");
    }
  }

  private MultifdReceiver connect(MultifdSettings settings, RamImage image) {
    MultifdReceiver receiver =
        new MultifdReceiver(
            settings,
            image.blocks().orElseThrow(),
            image.regions().orElseThrow(),
            Optional.empty(),
            ending::abort);
    multifd = receiver;
    ending.with(receiver::abort);
    arrivals.handTo(
        (id, first) -> {
          synchronized (multifdChannels) {
            multifdChannels.put(id, first.channel());
          }
          try {
            receiver.add(first);
          } catch (ChannelException | MultifdException e) {
            ending.abort(e);
          }
        });
    return receiver;
  }

  /** An image's memory, which the multifd channels can be given once it is there. */
  private record MultifdDestination(RamImage memory, Runnable connect) implements RamDestination {
    @Override
    public RamBlocks blocks(RamTable table, StreamInput in, long offset)
        throws ChannelException, StreamException {
      RamBlocks blocks = memory.blocks(table, in, offset);
      connect.run();
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
    private @Nullable MultifdReceiver channels;
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
      if (channels == null) {
        return; // Before the table nothing can be out of step; the reader refuses what comes.
      }
      try {
        channels.awaitSync(Deadline.after(synced ? LATER_SYNC : FIRST_SYNC));
      } catch (MultifdException e) {
        ending.abort(e);
        throw new ChannelException.Aborted("The multifd channels failed", e);
      }
      synced = true;
    }
  }

  /** How long ago the guest began to come; zero if it has not. */
  public Duration elapsed() {
    return main == null ? Duration.ZERO : Duration.ofNanos(System.nanoTime() - beganNanos);
  }

  /** Whether there is a source that could hear anything; a file cannot. */
  public boolean hasWayBack() {
    Channel first = main;
    return first != null && first.info().capabilities().bidirectional();
  }

  /** Whether the source waits to hear what becomes of the guest; otherwise it will never know. */
  public boolean isHeard() {
    return reader != null && reader.isHeard();
  }

  /**
   * Tells the source, if it listens, that the guest is kept: after this it must not run there.
   *
   * @throws ChannelException if the source may not have heard it
   */
  public void confirm() throws ChannelException {
    if (reader != null) {
      reader.confirm();
    }
  }

  /** Tells the source, if it listens, that the guest stays there; it also hears that by a close. */
  public void refuse() {
    if (reader == null) {
      return;
    }
    try {
      reader.refuse();
    } catch (ChannelException e) {
      ending.abort(e);
    }
  }

  /** What each channel has moved, by its name; any thread. */
  public Map<String, ChannelStats> channels() {
    Map<String, ChannelStats> stats = new LinkedHashMap<>();
    Channel first = main;
    if (first != null) {
      stats.put("main", first.stats());
    }
    synchronized (multifdChannels) {
      multifdChannels.forEach((id, channel) -> stats.put("multifd " + id, channel.stats()));
    }
    return stats;
  }

  /** Gives everything up; {@link #receive} fails with this cause. Any thread, never blocks. */
  public void abort(Throwable cause) {
    ending.abort(cause);
  }

  /** Closes all channels and frees the guest's memory. */
  @Override
  public void close() throws ChannelException {
    arrivals.close();
    List<AutoCloseable> all = new ArrayList<>();
    for (AutoCloseable thing :
        new @Nullable AutoCloseable[] {multifd, reader, in, out, main, memory}) {
      if (thing != null) {
        all.add(thing);
      }
    }
    Closing.all(all);
  }
}
