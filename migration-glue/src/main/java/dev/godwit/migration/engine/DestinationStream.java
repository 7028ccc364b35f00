package dev.godwit.migration.engine;

import dev.godwit.channel.identity.Arrivals;
import dev.godwit.channel.multifd.MultifdCompression;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.pages.MultifdInput;
import dev.godwit.channel.ram.RamDestination;
import dev.godwit.channel.ram.RamDialect;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.channel.ram.RamSectionReader;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.stream.Command;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.EndOfSections;
import dev.godwit.channel.stream.FileHeader;
import dev.godwit.channel.stream.Section;
import dev.godwit.channel.stream.SectionHeader;
import dev.godwit.channel.stream.SectionHeader.Kind;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamItem;
import dev.godwit.channel.stream.StreamReader;
import dev.godwit.channel.stream.VmDescription;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.support.ChannelReader;
import dev.godwit.transport.support.Closing;
import dev.godwit.transport.support.Ending;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The channels of a destination, and what it reads from them: from the first byte to the source's
 * last word. One thread uses it.
 */
final class DestinationStream implements AutoCloseable {
  /** What a device that the guest does not know may have; one with VFIO has some 100 MiB. */
  private static final int MAX_OTHER_BYTES = 512 << 20;

  private final Channel main;
  private final GuestLayout layout;
  private final Optional<MultifdSettings> settings;
  private final Arrivals arrivals;
  private final Lines lines;
  private final Ending ending;
  private final EngineParameters parameters;
  private final GuestCalls guest;
  private final StreamInput in;
  private final StreamReader reader;
  private final Replies replies;
  private final LastWord lastWord;
  private Optional<MultifdInput> multifd = Optional.empty();
  private Agreement agreed = new Agreement(false, false, Optional.empty());
  private Optional<Configuration> configuration = Optional.empty();
  private @Nullable RamSectionReader ram;
  private @Nullable RamRegions regions;
  private boolean ramEnded;
  private boolean ended;
  private volatile long deviceBytes;

  /**
   * @param first the main channel, of which nothing was taken; this stream's from now on
   * @param multifd that this side is set up for
   */
  DestinationStream(
      ChannelReader first,
      GuestLayout layout,
      Optional<MultifdSettings> multifd,
      Arrivals arrivals,
      Lines lines,
      GuestCalls guest,
      Ending ending,
      EngineParameters parameters)
      throws ChannelException {
    this.main = first.channel();
    this.layout = layout;
    this.settings = multifd;
    this.guest = guest;
    this.in = new StreamInput(first, MigrationStatistics.MAIN, StreamInput.DEFAULT_BUFFER_BYTES);
    this.reader = StreamReader.of(in);
    this.replies = new Replies(main);
    this.lastWord = new LastWord(main, replies);
    this.arrivals = arrivals;
    this.lines = lines;
    this.ending = ending;
    this.parameters = parameters;
    ending.with(lastWord::givenUp);
  }

  /** Takes all of the guest. */
  void read() throws IOException {
    for (Optional<StreamItem> next = reader.next(); next.isPresent(); next = reader.next()) {
      accept(next.get());
    }
    if (!ended) {
      throw in.malformed(in.offset(), "The stream does not end");
    }
    if (multifd.isPresent()) {
      multifd.get().finish();
    }
    // Before the guest may run, nobody else has access to its memory.
    if (regions != null) {
      regions.close();
    }
  }

  private void accept(StreamItem item) throws IOException {
    switch (item) {
      case FileHeader ignored -> {}
      case Configuration read -> configuration(read);
      case SectionHeader header -> section(header);
      case Command command -> command(command);
      case EndOfSections ignored -> {
        requireWhole();
        ended = true;
      }
      case VmDescription description -> reader.verify(description.parse());
    }
    if (!(item instanceof FileHeader)) {
      arrivals.mainHasBegun();
    }
  }

  private void configuration(Configuration read) throws StreamException {
    configuration = Optional.of(read);
    agreed = Agreement.of(configuration);
    if (agreed.handover()) {
      // Such a source always listens, and so can be told from here on what does not fit.
      replies.understood();
      openReplies();
    }
    long at = reader.itemOffset();
    if (!read.machine().equals(layout.machine())) {
      throw in.mismatched(
          at, "The source is a " + read.machine() + ", and the guest here a " + layout.machine());
    }
    for (String capability : read.capabilities().orElse(List.of())) {
      if (!Agreement.knows(capability)) {
        throw in.unsupported(at, "The source asks for " + capability + ", which is not known here");
      }
    }
    if (agreed.handover()) {
      requireAlike(at);
    }
    boolean compressed =
        settings.isPresent() && settings.get().compression() != MultifdCompression.NONE;
    if (agreed.wholePages() && compressed) {
      throw in.mismatched(at, "The source sends whole pages, which are not compressed as set here");
    }
  }

  private void openReplies() {
    if (main.info().capabilities().bidirectional()) {
      replies.open();
    }
  }

  private void requireAlike(long at) throws StreamException {
    Optional<String> here = Agreement.multifd(settings);
    if (!agreed.multifd().equals(here)) {
      throw in.mismatched(
          at,
          "The source has multifd "
              + agreed.multifd().orElse("off")
              + " (channels, compression), and this side "
              + here.orElse("off"));
    }
  }

  private void section(SectionHeader header) throws IOException {
    Section section = header.section();
    if (section.isRam()) {
      ramSection(header);
    } else if (header.kind() != Kind.FULL) {
      throw in.unsupported(
          reader.itemOffset(),
          section + " moves something besides memory, which is not taken here");
    } else {
      device(section);
    }
  }

  private void ramSection(SectionHeader header) throws IOException {
    if (ram == null) {
      ram = open();
    }
    RamSectionReader memory = ram;
    reader.body((same, ignored) -> memory.readSection());
    ramEnded |= header.kind() == Kind.END;
  }

  private RamSectionReader open() throws ChannelException, StreamException {
    int pageBytes = Configuration.pageBytes(configuration);
    if (pageBytes != SourceStream.PAGE_BYTES) {
      throw in.mismatched(
          reader.itemOffset(),
          "The source's pages have " + pageBytes + " bytes, and those here 4096");
    }
    RamRegions registered =
        new RamRegions(layout.blocks(), main.info().peer(), Access.REMOTE_WRITE);
    regions = registered;
    RamTable.Layout table =
        agreed.wholePages() ? RamTable.Layout.whole(pageBytes) : RamTable.Layout.plain(pageBytes);
    RamDestination memory = RamDestination.of(layout.blocks(), registered);
    RamSectionReader.Marks marks = RamSectionReader.Marks.NONE;
    if (settings.isPresent()) {
      MultifdInput channels = channels(settings.get());
      memory = channels.destination(memory, () -> registered);
      marks = channels.marks();
    }
    return new RamSectionReader(in, main, RamDialect.ANY, table, memory, marks);
  }

  private MultifdInput channels(MultifdSettings told) throws ChannelException {
    MultifdInput.requireMany(main);
    MultifdInput channels =
        new MultifdInput(
            agreed.wholePages() ? told.withWholePages() : told,
            arrivals,
            ending,
            parameters.peerTimeout(),
            MultifdInput.LATER_SYNC);
    multifd = Optional.of(channels);
    lines.multifd(channels::channels);
    return channels;
  }

  private void device(Section section) throws IOException {
    Optional<GuestDevice> device = layout.device(section);
    long start = in.offset();
    if (device.isEmpty()) {
      other(section);
      return;
    }
    if (!layout.arrived(section)) {
      throw in.malformed(reader.itemOffset(), "The state of " + section + " comes a second time");
    }
    long newest = guest.section(device.get(), section.id()).version();
    if (section.version() > newest) {
      throw in.unsupported(
          reader.itemOffset(),
          "The state of "
              + section
              + " has version "
              + section.version()
              + ", and this side knows up to "
              + newest);
    }
    guest.load(device.get(), section, reader);
    countDevice(in.offset() - start);
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // One thread counts.
  private void countDevice(long bytes) {
    deviceBytes += bytes;
  }

  /** A guest that only is kept takes what it does not know. */
  private void other(Section section) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    long start = in.offset();
    countDevice(
        reader.bodyUntilFooter(
            piece -> {
              if (bytes.size() + piece.remaining() > MAX_OTHER_BYTES) {
                throw in.unsupported(
                    start, section + " has more than " + MAX_OTHER_BYTES + " bytes of state");
              }
              byte[] part = new byte[piece.remaining()];
              piece.get(part);
              bytes.writeBytes(part);
            }));
    guest.loadOther(section, bytes.toByteArray());
  }

  private void requireWhole() throws StreamException {
    if (!ramEnded) {
      throw in.malformed(reader.itemOffset(), "The stream ends before the guest's memory does");
    }
    Optional<String> missing = layout.missing();
    if (missing.isPresent()) {
      throw in.mismatched(
          reader.itemOffset(),
          "The source sends no state of " + missing.get() + ", which the guest here has");
    }
  }

  private void command(Command command) throws IOException {
    switch (command) {
      case Command.OpenReturnPath ignored -> openReplies();
      case Command.Ping ping -> replies.pong(ping.value());
      case Command.SwitchoverStart ignored -> {}
      case Command.PostcopyAdvise ignored ->
          throw in.unsupported(
              reader.itemOffset(),
              "The source has postcopy-ram or dirty-bitmaps on, which is not taken here");
      default ->
          throw in.unsupported(
              reader.itemOffset(), "No " + command.getClass().getSimpleName() + " is taken here");
    }
  }

  /** Whether the source gives the guest up only once it is asked to. */
  boolean isHandedOver() {
    return agreed.handover();
  }

  /** Asks the source to give the guest up, and returns once it has. */
  void awaitHandover() throws IOException {
    if (!replies.isOpen()) {
      throw in.malformed(in.offset(), "The source is to be asked, and listens to no answer");
    }
    lastWord.ask();
    Handover.read(in);
  }

  /**
   * From now on the source hears nothing but what becomes of the guest's start.
   *
   * @throws ChannelException.Aborted if it has been told that the guest is not started
   */
  void start() throws ChannelException.Aborted {
    if (!lastWord.start()) {
      throw new ChannelException.Aborted(
          "The migration was given up before the guest was started", ending.cause().orElseThrow());
    }
  }

  /** Tells the source that the guest is this side's now; it is, whether or not that is heard. */
  void confirm() throws ChannelException {
    lastWord.limit();
    try {
      replies.confirm();
    } finally {
      lastWord.close();
    }
  }

  /** The devices' state in bytes, as far as it was read. */
  long deviceBytes() {
    return deviceBytes;
  }

  /** Returns once the source knows that the guest stays there, or can no longer be told. */
  void breakOff(Throwable cause) {
    lastWord.say(cause);
    lastWord.awaitEnd();
  }

  @Override
  public void close() throws ChannelException {
    lastWord.close();
    List<AutoCloseable> all = new ArrayList<>();
    multifd.ifPresent(all::add);
    for (AutoCloseable thing : new @Nullable AutoCloseable[] {ram, in, replies, main, regions}) {
      if (thing != null) {
        all.add(thing);
      }
    }
    Closing.all(all);
  }
}
