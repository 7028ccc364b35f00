package dev.godwit.channel.image;

import dev.godwit.channel.identity.Arrivals;
import dev.godwit.channel.multifd.MultifdException;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.pages.MultifdInput;
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
import dev.godwit.transport.Listener;
import dev.godwit.transport.support.ChannelReader;
import dev.godwit.transport.support.Closing;
import dev.godwit.transport.support.Ending;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
  private volatile long beganNanos;
  private volatile @Nullable Channel main;
  private @Nullable StreamInput in;
  private @Nullable StreamOutput out;
  private @Nullable GuestImageReader reader;
  private @Nullable RamImage memory;
  private volatile @Nullable MultifdInput multifd;

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
      arrivals.mainHasBegun();
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
      MultifdInput channels = multifd;
      return channels == null ? image : finish(image, channels);
    } catch (IOException e) {
      throw ending.first(e);
    }
  }

  private static GuestImage finish(GuestImage image, MultifdInput channels)
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
    for (String ofLiveGuests : List.of(Configuration.HANDOVER, Configuration.WHOLE_PAGES)) {
      if (Configuration.demands(configuration, ofLiveGuests)) {
        throw input.unsupported(
            input.offset(), "The source has " + ofLiveGuests + " on, which no image takes");
      }
    }
    int pageBytes = Configuration.pageBytes(configuration);
    RamImage image = new RamImage(options.maxRamBytes(), pageBytes, channel.info().peer());
    memory = image;
    boolean hasPlaces = Configuration.demands(configuration, Configuration.MAPPED_RAM);
    RamTable.Layout layout = new RamTable.Layout(pageBytes, name -> false, false, hasPlaces, false);
    RamSectionReader.Marks marks = RamSectionReader.Marks.NONE;
    RamDestination destination = image;
    if (hasPlaces) {
      destination =
          new MappedDestination(FileLanes.positioned(channel), image, options.lanes(), ending);
    } else if (options.multifd().isPresent()) {
      MultifdInput.requireMany(channel);
      MultifdInput channels =
          new MultifdInput(options.multifd().get().withPages(pageBytes), arrivals, ending);
      multifd = channels;
      marks = channels.marks();
      destination = channels.destination(image, () -> image.regions().orElseThrow());
    }
    return new RamSectionReader(input, channel, RamDialect.ANY, layout, destination, marks);
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
  public Map<String, ChannelAccount> channels() {
    Map<String, ChannelAccount> accounts = new LinkedHashMap<>();
    Channel first = main;
    if (first != null) {
      accounts.put("main", ChannelAccount.of(first));
    }
    MultifdInput others = multifd;
    if (others != null) {
      others
          .channels()
          .forEach((id, channel) -> accounts.put("multifd " + id, ChannelAccount.of(channel)));
    }
    return accounts;
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
