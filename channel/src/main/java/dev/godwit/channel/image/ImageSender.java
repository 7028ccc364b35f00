package dev.godwit.channel.image;

import dev.godwit.channel.multifd.Dialect;
import dev.godwit.channel.multifd.MultifdException;
import dev.godwit.channel.multifd.MultifdSender;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.pages.MultifdInput;
import dev.godwit.channel.pages.PageOutput;
import dev.godwit.channel.ram.PageEncodings;
import dev.godwit.channel.ram.PageUnits;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.channel.ram.RamSectionWriter;
import dev.godwit.channel.returnpath.Answers;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.support.Closing;
import dev.godwit.transport.support.Ending;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * The source of one migration of a guest at rest: to a destination that will run it, or to a file.
 * One thread uses it; {@link #abort} is for any.
 */
public final class ImageSender implements AutoCloseable {
  /** How long the peer may take to make its memory known, where pages are placed in it. */
  private static final Duration REMOTES = Duration.ofSeconds(20);

  /** How long a destination that has everything may take to read the first question. */
  private static final Duration FIRST_WORD = Duration.ofSeconds(30);

  /** How long what a destination said before it broke off may be on its way. */
  private static final Duration LAST_WORD = Duration.ofSeconds(2);

  /**
   * How the guest is sent.
   *
   * @param layout of the memory; places take a file
   * @param multifd if the destination has multifd on, as it is set up there; the dialect is chosen
   *     by the guest's machine type
   * @param uuid that multifd channels name, if it is not the one that the image knows
   * @param returnPath whether the destination is asked to answer, where the transport lets it;
   *     without an answer nobody knows whether it has the guest
   * @param connect how long each connection may take
   * @param lanes opens the file again, where pages have places in it
   */
  public record Options(
      ImageLayout layout,
      Optional<MultifdSettings> multifd,
      Optional<UUID> uuid,
      boolean returnPath,
      Duration connect,
      LaneOpener lanes) {

    /** An ordinary stream, for the guest that the image knows. */
    public static Options stream(
        Optional<MultifdSettings> multifd, boolean returnPath, Duration connect) {
      return new Options(
          ImageLayout.STREAM, multifd, Optional.empty(), returnPath, connect, LaneOpener.none());
    }
  }

  /** What is known of the guest once all was sent. */
  public enum Delivery {
    /** The destination says that it has the guest. */
    CONFIRMED,
    /** All of it was handed over where nobody answers; to a file: the disk has it. */
    HANDED_OVER
  }

  private final Dialer dialer;
  private final Options options;
  private final Ending ending = new Ending();
  private final Map<String, Channel> channels = new LinkedHashMap<>();
  private final List<AutoCloseable> opened = new ArrayList<>();
  private Optional<ChannelException.Refused> refusal = Optional.empty();
  private volatile boolean handedOver;

  /**
   * @param dialer to the destination; stays the caller's
   */
  public ImageSender(Dialer dialer, Options options) {
    this.dialer = dialer;
    this.options = options;
    ending.with(dialer::abort);
  }

  /**
   * Sends all of {@code image}, whose memory nobody changes meanwhile.
   *
   * @throws IOException a {@code ChannelException} if a connection failed or the destination says
   *     that it did, a {@code MultifdException} if a multifd channel failed, a {@code
   *     StreamException} if the destination answers what none answers; whether it may have the
   *     guest all the same says {@link #mayHaveArrived}
   */
  public Delivery send(GuestImage image) throws IOException {
    try {
      return sendAll(image);
    } catch (IOException e) {
      IOException first = ending.first(e);
      throw refusal.isPresent() ? refusal.get() : first;
    }
  }

  private Delivery sendAll(GuestImage image) throws IOException {
    // Before anybody is connected to: what a transport can tell of this memory it tells by then.
    Optional<RamRegions> regions =
        options.layout() == ImageLayout.MAPPED_RAM
            ? Optional.empty()
            : Optional.of(keep(new RamRegions(image.blocks(), dialer.peer(), Access.LOCAL)));
    Channel main = keep(dial("main"));
    ending.with(main::abort);
    boolean answers = options.returnPath() && main.info().capabilities().bidirectional();
    StreamOutput out = keep(new StreamOutput(main));
    GuestImageWriter writer = new GuestImageWriter(out, image);
    writer.begin(configuration(image), answers);
    if (!answers) {
      writer.finish(memory(image, regions, main, out));
      handedOver = true;
      main.shutdownOutput();
      return Delivery.HANDED_OVER;
    }
    Answers destination = new Answers(main, ending);
    boolean done = false;
    try {
      writer.finish(memory(image, regions, main, out));
      handedOver = true;
      destination.awaitConfirmed(Deadline.after(FIRST_WORD));
      done = true;
      return Delivery.CONFIRMED;
    } catch (IOException e) {
      // It may have said why before it broke off, and then it does not have the guest.
      refusal = destination.refusal(Deadline.after(LAST_WORD));
      throw e;
    } finally {
      if (!done) {
        ending.abort(new IllegalStateException("The guest was not sent"));
      }
      destination.close();
    }
  }

  private MemoryOutput memory(
      GuestImage image, Optional<RamRegions> regions, Channel main, StreamOutput out)
      throws ChannelException, MultifdException {
    int pageBytes = Configuration.pageBytes(image.configuration());
    if (regions.isEmpty()) {
      FileLanes lanes = keep(new FileLanes(options.lanes(), image.blocks(), Access.LOCAL));
      ending.with(lanes::abort);
      MappedRamWriter file =
          keep(new MappedRamWriter(FileLanes.positioned(main), lanes.all(), pageBytes));
      return new MemoryOutput.Mapped(image.blocks(), out, file, REMOTES);
    }
    RamRegions registered = regions.get();
    RamSectionWriter ram =
        keep(
            RamSectionWriter.placing(
                out,
                main,
                image.blocks(),
                PageUnits.target(pageBytes),
                PageEncodings.usual(),
                registered,
                REMOTES));
    if (options.multifd().isEmpty()) {
      return new MemoryOutput.Paged(image.blocks(), new PageOutput.Recorded(ram));
    }
    MultifdInput.requireMany(main);
    MultifdSettings settings = settings(options.multifd().get(), image, pageBytes);
    MultifdSender sender =
        keep(new MultifdSender(settings, registered, Deadline.after(REMOTES), ending::abort));
    ending.with(sender::abort);
    for (int id = 0; id < settings.channels(); id++) {
      sender.add(dial("multifd " + id));
    }
    return new MemoryOutput.Paged(
        image.blocks(),
        new PageOutput.Multifd(
            image.blocks(), ram, sender, settings, !settings.zeroPagesInPackets()));
  }

  private MultifdSettings settings(MultifdSettings asked, GuestImage image, int pageBytes) {
    String machine = image.machine().orElse("");
    MultifdSettings settings =
        asked
            .with(options.uuid().or(image::uuid).orElse(MultifdSettings.NO_GUEST))
            .with(Dialect.ofMachine(machine))
            .withPages(pageBytes);
    return Dialect.zeroPagesInPackets(machine) ? settings : settings.withZeroPagesOnMain();
  }

  /** What the source wrote, but for the one capability that says how the memory lies. */
  private Optional<Configuration> configuration(GuestImage image) {
    return image
        .configuration()
        .map(
            c -> {
              List<String> names = new ArrayList<>(c.capabilities().orElse(List.of()));
              names.remove(Configuration.MAPPED_RAM);
              if (options.layout() == ImageLayout.MAPPED_RAM) {
                names.add(Configuration.MAPPED_RAM);
              }
              return new Configuration(
                  c.machine(),
                  c.targetPageBits(),
                  names.isEmpty() ? Optional.empty() : Optional.of(names),
                  c.uuid());
            });
  }

  private Channel dial(String name) throws ChannelException {
    Channel channel = dialer.dial(Deadline.after(options.connect()));
    synchronized (channels) {
      channels.put(name, channel);
    }
    return channel;
  }

  private <T extends AutoCloseable> T keep(T thing) {
    opened.add(thing);
    return thing;
  }

  /** Whether the destination may have all of the guest, so that it may run there. */
  public boolean mayHaveArrived() {
    return handedOver && refusal.isEmpty();
  }

  /** What each channel has moved, by its name; any thread. */
  public Map<String, ChannelAccount> channels() {
    Map<String, ChannelAccount> accounts = new LinkedHashMap<>();
    synchronized (channels) {
      channels.forEach((name, channel) -> accounts.put(name, ChannelAccount.of(channel)));
    }
    return accounts;
  }

  /** Gives everything up; {@link #send} fails with this cause. Any thread, never blocks. */
  public void abort(Throwable cause) {
    ending.abort(cause);
  }

  /** Closes all channels; what was not handed over is lost. */
  @Override
  public void close() throws ChannelException {
    Closing.all(opened.reversed());
  }
}
