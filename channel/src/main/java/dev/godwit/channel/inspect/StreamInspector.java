package dev.godwit.channel.inspect;

import static dev.godwit.channel.stream.StreamException.Kind.TRUNCATED;

import dev.godwit.channel.ram.RamDialect;
import dev.godwit.channel.ram.RamRecordReader;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.returnpath.ReturnPathMessage;
import dev.godwit.channel.stream.BlockChunk;
import dev.godwit.channel.stream.Command;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.DirtyBitmapChunk;
import dev.godwit.channel.stream.EndOfSections;
import dev.godwit.channel.stream.FileHeader;
import dev.godwit.channel.stream.MachineDescription;
import dev.godwit.channel.stream.Section;
import dev.godwit.channel.stream.SectionHeader;
import dev.godwit.channel.stream.SectionHeader.Kind;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamItem;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.channel.stream.StreamReader;
import dev.godwit.channel.stream.VmDescription;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Reads one main stream from its first byte to its last and tells what is in it. Memory taken does
 * not grow with the guest's. One thread reads; the channel can be aborted by another.
 *
 * <p>A page of a target that does not say how large its pages are has 4 KiB.
 */
public final class StreamInspector {

  /** What is at the other end. */
  public enum Source {
    /** Something that was written before: nobody is answered, and nobody has a guest to lose. */
    RECORDING,
    /**
     * A QEMU that has the guest and gives it up once it is told that it arrived: it is answered as
     * far as it needs to go on, never told so, and broken off at once where it would not wait for
     * that. The caller aborts the channel at the end, whatever it is.
     */
    LIVE
  }

  /** A bare machine's has 98 KiB; taken apart it is several times as large. */
  private static final int MAX_DESCRIPTION_BYTES = 8 << 20;

  private final StreamInput in;
  private final Source source;
  private final Optional<StreamOutput> answers;
  private final StreamReader reader;
  private final Places places;
  private final Ledger ledger = new Ledger();
  private final RamTally ram;
  private final DeviceTally devices = new DeviceTally();
  private final DiskTally disks = new DiskTally();
  private final PostcopyTally postcopy = new PostcopyTally();
  private final CompletableFuture<Integer> pageBytes;

  private final List<SectionReport> sections = new ArrayList<>();
  private final List<CommandReport> commands = new ArrayList<>();
  private long furtherSections;
  private long furtherCommands;
  private int listedRanges;
  private Optional<Configuration> configuration = Optional.empty();
  private Optional<RamRecordReader> ramReader = Optional.empty();
  private Optional<VmDescription> description = Optional.empty();
  private Optional<MachineDescription> machine = Optional.empty();
  private ByteBuffer head = ByteBuffer.allocate(0);
  private boolean begun;
  private boolean returnPath;
  private boolean ended;
  private String within = "";

  private StreamInspector(
      Channel channel,
      StreamInput in,
      Source source,
      Optional<StreamOutput> answers,
      CompletableFuture<Integer> pageBytes)
      throws ChannelException {
    this.in = in;
    this.source = source;
    this.answers = answers;
    this.pageBytes = pageBytes;
    this.reader = StreamReader.of(in);
    this.places = new Places(in, channel);
    this.ram = new RamTally(in, ledger, places);
  }

  /**
   * For what was written before, such as a file. A mapped-ram file is passed over quickly if its
   * channel has positions.
   *
   * @param in of {@code channel}, and nothing has been read; both stay the caller's
   */
  public static StreamInspector ofRecording(Channel channel, StreamInput in)
      throws ChannelException {
    return new StreamInspector(
        channel, in, Source.RECORDING, Optional.empty(), new CompletableFuture<>());
  }

  /**
   * For a QEMU that migrates now.
   *
   * @param in of {@code channel}, whose first bytes somebody may have looked at; both stay the
   *     caller's
   * @param answers to the source, on the same channel; it stays the caller's
   * @param pageBytes is told the target's page size once that is known, or that it will not be
   */
  public static StreamInspector ofLive(
      Channel channel, StreamInput in, StreamOutput answers, CompletableFuture<Integer> pageBytes)
      throws ChannelException {
    return new StreamInspector(channel, in, Source.LIVE, Optional.of(answers), pageBytes);
  }

  /**
   * Reads the whole stream. Of a recording, what follows it is counted too.
   *
   * @throws UnsafeSourceException if a live source's guest could be lost; nothing is worth telling
   */
  public StreamReport inspect() throws UnsafeSourceException {
    Optional<Damage> damage = Optional.empty();
    try {
      readAll();
    } catch (UncheckedIOException e) {
      damage = Optional.of(new Damage(Objects.requireNonNull(e.getCause()), within));
    } catch (StreamException e) {
      damage = Optional.of(new Damage(begun ? e : Foreign.explain(head, e), within));
    } catch (ChannelException e) {
      damage = Optional.of(new Damage(e, within));
    } finally {
      pageBytes.completeExceptionally(new IllegalStateException("The main channel has ended"));
    }
    countRest(damage);
    if (damage.isEmpty()) {
      damage = judgeDescription();
    }
    return report(damage);
  }

  private void readAll() throws ChannelException, StreamException, UnsafeSourceException {
    head = Foreign.head(in);
    for (Optional<StreamItem> next = reader.next(); next.isPresent(); next = reader.next()) {
      accept(next.get());
      within = "";
    }
  }

  /** What follows the end, or what nobody understands, to the last byte that there is. */
  private void countRest(Optional<Damage> damage) {
    try {
      while (mayRead(damage) && in.hasMore()) {
        in.skip(in.peek(1).remaining());
      }
    } catch (StreamException | ChannelException e) {
      // The first failure is the one that counts, and behind the end none does.
      within = "";
    }
    ledger.book(damage.isPresent() ? Part.NOT_UNDERSTOOD : Part.BEHIND_THE_END, in.offset());
  }

  /**
   * Behind a source that opened the return path there is no end, where this may be one: it waits
   * for an answer. What comes from a file ends in any case, and so does what has ended.
   */
  private boolean mayRead(Optional<Damage> damage) {
    if (source == Source.LIVE) {
      return false;
    }
    boolean hasEnd = places.isFile() || !returnPath;
    return damage
        .map(d -> d.cause() instanceof StreamException e && (hasEnd || e.kind() == TRUNCATED))
        .orElse(hasEnd);
  }

  private void accept(StreamItem item)
      throws ChannelException, StreamException, UnsafeSourceException {
    switch (item) {
      case FileHeader ignored -> {
        ledger.book(Part.FILE_HEADER, in.offset());
        begun = true;
      }
      case Configuration read -> {
        ledger.book(Part.CONFIGURATION, in.offset());
        configuration = Optional.of(read);
        requireReadable();
        pageBytes.complete(Configuration.pageBytes(configuration));
      }
      case SectionHeader header -> section(header);
      case Command command -> command(command);
      case EndOfSections ignored -> {
        ledger.book(Part.END_OF_SECTIONS, in.offset());
        ended = true;
      }
      case VmDescription read -> {
        ledger.book(Part.DESCRIPTION, in.offset());
        description = Optional.of(read);
      }
    }
  }

  private void requireReadable() throws StreamException {
    if (Configuration.demands(configuration, Configuration.WHOLE_PAGES)) {
      throw in.unsupported(
          reader.itemOffset(),
          "The source has "
              + Configuration.WHOLE_PAGES
              + " on, and an inspector knows no pages but the target's");
    }
  }

  private void command(Command command)
      throws ChannelException, StreamException, UnsafeSourceException {
    long offset = reader.itemOffset();
    boolean inPackage = postcopy.inPackage(offset);
    ledger.book(Part.COMMANDS, in.offset());
    requireSafe(command);
    int ranges = command instanceof Command.PostcopyRamDiscard d ? d.ranges().size() : 0;
    boolean listed =
        commands.size() < StreamReport.MAX_LISTED
            && listedRanges + ranges <= StreamReport.MAX_RANGES;
    if (listed) {
      commands.add(new CommandReport(command, offset, inPackage));
      listedRanges += ranges;
    } else {
      furtherCommands++;
    }
    postcopy.see(command, offset, in, ram.pages());
    switch (command) {
      case Command.OpenReturnPath ignored -> returnPath = true;
      case Command.PostcopyRun ignored -> ram.endOrder();
      case Command.Ping ping -> answer(ping);
      default -> {}
    }
  }

  private void answer(Command.Ping ping) throws ChannelException {
    if (answers.isPresent()) {
      new ReturnPathMessage.Pong(ping.value()).write(answers.get());
      answers.get().flush();
    }
  }

  private void requireSafe(Command command) throws UnsafeSourceException {
    if (source == Source.RECORDING) {
      return;
    }
    if (command instanceof Command.PostcopyAdvise advise && advise.pageSizes().isPresent()) {
      throw new UnsafeSourceException(
          "The source has postcopy-ram on, and a guest that it switched over to an inspector would"
              + " be lost; turn it off, or record the migration and inspect the file");
    }
    if (command instanceof Command.EnableColo) {
      throw new UnsafeSourceException("The source has x-colo on, which an inspector cannot answer");
    }
  }

  private void section(SectionHeader header)
      throws ChannelException, StreamException, UnsafeSourceException {
    if (source == Source.LIVE && !returnPath) {
      throw new UnsafeSourceException(
          "The source has return-path off, so it would give its guest up without an answer; turn it"
              + " on, or record the migration and inspect the file");
    }
    Section section = header.section();
    long offset = reader.itemOffset();
    within = "the %s of %s that begins at byte %d".formatted(header.kind(), section, offset);
    boolean inPackage = postcopy.inPackage(offset);
    pageBytes.complete(Configuration.pageBytes(configuration));
    ledger.book(Part.SECTION_FRAMES, in.offset());
    body(header, inPackage);
    ledger.book(Part.SECTION_FRAMES, in.offset());
    boolean listed = header.kind().announces() || sections.size() < StreamReport.MAX_LISTED;
    if (listed) {
      sections.add(
          new SectionReport(header.kind(), section, offset, in.offset() - offset, inPackage));
    } else {
      furtherSections++;
    }
  }

  private void body(SectionHeader header, boolean inPackage)
      throws ChannelException, StreamException {
    Section section = header.section();
    if (header.kind() == Kind.FULL) {
      long offset = in.offset();
      DeviceTally.Body body = devices.begin();
      long bytes = reader.bodyUntilFooter(body);
      ledger.book(Part.DEVICE_STATE, offset + bytes);
      body.end(section, offset, inPackage);
      return;
    }
    switch (section.name()) {
      case Section.RAM -> {
        RamRecordReader records = ramReader.orElseGet(this::newRamReader);
        ramReader = Optional.of(records);
        reader.body((same, ignored) -> records.readSection());
        if (header.kind() == Kind.END) {
          ram.end();
        }
      }
      case DirtyBitmapChunk.SECTION ->
          reader.body(
              (same, ignored) -> {
                disks.readDirtyBitmaps(in);
                ledger.book(Part.DIRTY_BITMAPS, in.offset());
              });
      case BlockChunk.SECTION ->
          reader.body(
              (same, ignored) -> {
                disks.readBlocks(in);
                ledger.book(Part.DISK_BLOCKS, in.offset());
              });
      default -> {
        long offset = in.offset();
        long bytes = reader.bodyUntilFooter(piece -> {});
        ledger.book(Part.OTHER_STATE, offset + bytes);
      }
    }
  }

  /** What follows each block in the table is said by what came before it. */
  private RamRecordReader newRamReader() {
    RamTable.Layout layout =
        new RamTable.Layout(
            Configuration.pageBytes(configuration),
            new HugePages(in, postcopy.advised()),
            Configuration.demands(configuration, Configuration.IGNORE_SHARED),
            Configuration.demands(configuration, Configuration.MAPPED_RAM),
            false);
    return new RamRecordReader(in, RamDialect.ANY, layout, ram);
  }

  /**
   * The devices' lengths were found by searching; the description knows them. One that was made to
   * exhaust memory is not looked into.
   */
  private Optional<Damage> judgeDescription() {
    if (description.isEmpty() || description.get().lengthBytes() > MAX_DESCRIPTION_BYTES) {
      return Optional.empty();
    }
    try {
      machine = Optional.of(description.get().parse());
      reader.verify(machine.get());
      return Optional.empty();
    } catch (StreamException e) {
      return Optional.of(new Damage(e, ""));
    }
  }

  private String whyUndescribed() {
    return description.isPresent()
        ? "The description has "
            + description.get().lengthBytes()
            + " bytes and was not looked into"
        : "The stream does not describe its devices";
  }

  private StreamReport report(Optional<Damage> damage) {
    return new StreamReport(
        in.offset(),
        configuration,
        sections,
        furtherSections,
        ram.report(ended),
        commands,
        furtherCommands,
        postcopy.report(ram.pages()),
        disks.report(),
        devices.report(machine, whyUndescribed()),
        description.stream().mapToLong(VmDescription::lengthBytes).findFirst(),
        ledger.shares(),
        damage);
  }
}
