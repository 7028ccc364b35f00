package dev.godwit.migration.engine;

import dev.godwit.channel.multifd.Dialect;
import dev.godwit.channel.multifd.MultifdCompression;
import dev.godwit.channel.multifd.MultifdException;
import dev.godwit.channel.multifd.MultifdSender;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.pages.MultifdInput;
import dev.godwit.channel.pages.PageOutput;
import dev.godwit.channel.ram.PageEncoding;
import dev.godwit.channel.ram.PageEncodings;
import dev.godwit.channel.ram.PageUnits;
import dev.godwit.channel.ram.PlainEncoding;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.channel.ram.RamSectionWriter;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.returnpath.Answers;
import dev.godwit.channel.stream.Command;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.EndOfSections;
import dev.godwit.channel.stream.FileHeader;
import dev.godwit.channel.stream.MachineDescription;
import dev.godwit.channel.stream.MachineDescription.Device;
import dev.godwit.channel.stream.Section;
import dev.godwit.channel.stream.SectionHeader;
import dev.godwit.channel.stream.SectionHeader.Kind;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.channel.stream.StreamWriter;
import dev.godwit.channel.stream.VmDescription;
import dev.godwit.migration.guest.GuestDevice;
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
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The channels of a source and what stands on them, from the first byte to the last. One thread
 * uses it.
 */
final class SourceStream implements AutoCloseable {
  /** The target's page size, of x86 and so of every guest that says no other. */
  static final int PAGE_BYTES = 4096;

  private static final Section RAM = new Section(2, Section.RAM, 0, 4);
  private static final long FIRST_DEVICE = 3;

  private final Dialer dialer;
  private final EngineParameters parameters;
  private final DestinationKind kind;
  private final Lines lines;
  private final Watchdog watchdog;
  private final Ending ending;
  private final List<AutoCloseable> opened = new ArrayList<>();
  private @Nullable Channel main;
  private @Nullable Answers answers;
  private @Nullable StreamOutput out;
  private @Nullable StreamWriter writer;
  private volatile @Nullable PageOutput pages;
  private @Nullable VmDescription description;
  private volatile long deviceBytes;

  SourceStream(
      Dialer dialer,
      EngineParameters parameters,
      DestinationKind kind,
      Lines lines,
      Watchdog watchdog,
      Ending ending) {
    this.dialer = dialer;
    this.parameters = parameters;
    this.kind = kind;
    this.lines = lines;
    this.watchdog = watchdog;
    this.ending = ending;
  }

  /** Connects, says what machine it is, and has the destination make room for its memory. */
  void begin(String machine, Optional<UUID> guest, RamBlocks blocks) throws IOException {
    // Before anybody is connected to: what a transport can tell of this memory it tells by then.
    RamRegions regions = keep(new RamRegions(blocks, dialer.peer(), Access.LOCAL));
    Channel first = keep(dial());
    lines.main(first);
    main = first;
    ending.with(first::abort);
    boolean bidirectional = first.info().capabilities().bidirectional();
    boolean answered =
        bidirectional
            && switch (kind) {
              case GODWIT -> true;
              case QEMU -> parameters.returnPath();
              case FILE -> false;
            };
    boolean godwit = answered && kind == DestinationKind.GODWIT;
    boolean whole = godwit && canBeWhole(blocks);
    Optional<MultifdSettings> multifd = multifd(machine, guest, godwit, whole);
    StreamOutput output = keep(new StreamOutput(first));
    out = output;
    StreamWriter stream = StreamWriter.of(output);
    writer = stream;
    stream.write(new FileHeader());
    stream.write(
        new Configuration(
            machine,
            OptionalInt.empty(),
            new Agreement(godwit, whole, godwit ? Agreement.multifd(multifd) : Optional.empty())
                .capabilities(),
            Optional.empty()));
    if (answered) {
      stream.write(new Command.OpenReturnPath());
      stream.write(new Command.Ping(1));
      answers = new Answers(first, ending);
    }
    stream.flush();
    pages = pages(blocks, regions, first, output, multifd, whole);
    stream.write(new SectionHeader(Kind.START, RAM));
    pages.begin(whole ? RamTable.whole(blocks) : RamTable.of(blocks));
    stream.endSection();
    stream.flush();
  }

  /**
   * What is compressed goes in the target's pages; and so does what is so large that the channels'
   * queues, under the limit of the rate, would keep the peer waiting as if nobody were there.
   */
  private boolean canBeWhole(RamBlocks blocks) {
    long largest = blocks.all().stream().mapToLong(RamBlock::pageBytes).max().orElse(0);
    boolean compressed =
        parameters.multifd() && parameters.multifdCompression() != MultifdCompression.NONE;
    if (!parameters.wholePages() || compressed || largest <= PAGE_BYTES) {
      return false;
    }
    long channels = parameters.multifd() ? parameters.multifdChannels() : 0;
    long queued = largest * (2 * channels + 1);
    long rate = parameters.maxBandwidthBytesPerSecond();
    return rate == 0 || queued / (double) rate < parameters.peerTimeout().toSeconds() / 4.0;
  }

  private Optional<MultifdSettings> multifd(
      String machine, Optional<UUID> guest, boolean godwit, boolean whole) {
    if (!parameters.multifd()) {
      return Optional.empty();
    }
    Dialect dialect = godwit ? Dialect.V10_0 : Dialect.ofMachine(machine);
    MultifdSettings settings =
        MultifdSettings.of(dialect, parameters.multifdChannels())
            .with(parameters.multifdCompression(), parameters.multifdLevel())
            .with(guest.orElse(MultifdSettings.NO_GUEST));
    boolean inPackets =
        parameters.zeroPageDetection() == ZeroPageDetection.MULTIFD
            && (godwit || Dialect.zeroPagesInPackets(machine));
    settings = inPackets ? settings : settings.withZeroPagesOnMain();
    return Optional.of(whole ? settings.withWholePages() : settings);
  }

  private List<PageEncoding> encodings() {
    return parameters.zeroPageDetection() == ZeroPageDetection.NONE
        ? List.of(new PlainEncoding())
        : PageEncodings.usual();
  }

  private PageOutput pages(
      RamBlocks blocks,
      RamRegions regions,
      Channel first,
      StreamOutput output,
      Optional<MultifdSettings> multifd,
      boolean whole)
      throws ChannelException, MultifdException {
    RamSectionWriter ram =
        keep(
            RamSectionWriter.placing(
                output,
                first,
                blocks,
                new PageUnits(PAGE_BYTES, whole),
                encodings(),
                regions,
                parameters.peerTimeout()));
    if (multifd.isEmpty()) {
      return new PageOutput.Recorded(ram);
    }
    MultifdInput.requireMany(first);
    MultifdSettings settings = multifd.get();
    MultifdSender sender =
        keep(
            new MultifdSender(
                settings, regions, Deadline.after(parameters.peerTimeout()), this::multifdFailed));
    ending.with(sender::abort);
    for (int id = 0; id < settings.channels(); id++) {
      Channel channel = dialMultifd(id);
      lines.multifd(id, channel);
      sender.add(channel);
    }
    boolean zeroPagesOnMain =
        !settings.zeroPagesInPackets() && parameters.zeroPageDetection() != ZeroPageDetection.NONE;
    return new PageOutput.Multifd(blocks, ram, sender, settings, zeroPagesOnMain);
  }

  /** The destination may say on the main channel what has made it break off a multifd channel. */
  private void multifdFailed(MultifdException failure) {
    Answers listened = answers;
    if (listened == null) {
      ending.abort(failure);
      return;
    }
    Thread.ofVirtual()
        .name("migration-last-word")
        .start(
            () -> {
              Optional<ChannelException.Refused> why =
                  listened.refusal(Deadline.after(SourceMigration.LAST_WORD));
              ending.abort(why.isPresent() ? why.get() : failure);
            });
  }

  private Channel dialMultifd(int id) throws MultifdException {
    try {
      return dial();
    } catch (ChannelException e) {
      throw new MultifdException("Channel multifd " + id + " could not be connected", e);
    }
  }

  private Channel dial() throws ChannelException {
    watchdog.hold(); // It has a limit of its own.
    try {
      return dialer.dial(Deadline.after(parameters.connectTimeout()));
    } finally {
      watchdog.release();
    }
  }

  private <T extends AutoCloseable> T keep(T thing) {
    opened.add(thing);
    return thing;
  }

  private static <T> T begun(@Nullable T thing) {
    if (thing == null) {
      throw new IllegalStateException("The stream has not begun");
    }
    return thing;
  }

  StreamWriter writer() {
    return begun(writer);
  }

  Section ram() {
    return RAM;
  }

  PageOutput pages() {
    return begun(pages);
  }

  /** Guest memory handed over so far: pages with their bytes. */
  long normalBytes() {
    PageOutput output = pages;
    return output == null ? 0 : output.normalBytes();
  }

  /** Guest memory handed over so far: pages of zeroes. */
  long zeroBytes() {
    PageOutput output = pages;
    return output == null ? 0 : output.zeroBytes();
  }

  /** The devices' state in bytes, as far as it was written. */
  long deviceBytes() {
    return deviceBytes;
  }

  /** Whether the destination can say anything. */
  boolean isAnswered() {
    return answers != null;
  }

  /** How long the destination took to answer for the first time, where it has. */
  Optional<Duration> answerTime() {
    return answers == null ? Optional.empty() : answers.firstWord();
  }

  /** What the destination says; only where it can. */
  Answers answers() {
    return begun(answers);
  }

  /** Ends memory and writes the devices, all but the end of the stream. */
  void devices(List<? extends GuestDevice> devices, GuestCalls guest) throws IOException {
    List<Device> described = new ArrayList<>();
    StreamWriter stream = writer();
    stream.write(new SectionHeader(Kind.END, RAM));
    pages().end();
    stream.endSection();
    long id = FIRST_DEVICE;
    for (GuestDevice device : devices) {
      Section section = guest.section(device, id++);
      stream.write(new SectionHeader(Kind.FULL, section));
      long start = stream.output().offset();
      described.add(
          new Device(
              section.name(), section.instance(), guest.save(device, section, stream.output())));
      countDevice(stream.output().offset() - start);
      stream.endSection();
    }
    // Whatever is wrong with it has to show before the guest is given up.
    description =
        VmDescription.of(
            new MachineDescription(OptionalLong.of(PAGE_BYTES), Optional.empty(), described));
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // One thread counts.
  private void countDevice(long bytes) {
    deviceBytes += bytes;
  }

  /** Ends the stream: a QEMU that has read this runs the guest. */
  void finish() throws IOException {
    StreamWriter stream = writer();
    stream.write(new EndOfSections());
    stream.write(begun(description));
    stream.flush();
  }

  /** Tells a Godwit that the guest is its own now. */
  void handOver() throws IOException {
    Handover.write(begun(out));
    begun(out).flush();
  }

  /**
   * Ends the channel where nobody answers; on return a file is on its disk, a command has ended.
   */
  void endOutput() throws IOException {
    begun(main).shutdownOutput();
    begun(main).close();
  }

  /** Closes all channels, after they were given up unless all went well. */
  @Override
  public void close() throws ChannelException {
    List<AutoCloseable> all = new ArrayList<>(opened.reversed());
    if (answers != null) {
      all.add(0, answers);
    }
    Closing.all(all);
  }
}
