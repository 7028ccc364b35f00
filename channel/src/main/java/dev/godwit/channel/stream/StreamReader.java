package dev.godwit.channel.stream;

import dev.godwit.channel.stream.SectionHeader.Kind;
import dev.godwit.transport.ChannelException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Reads a main channel item by item (qemu-wire.md §0). Behind each {@link SectionHeader} the caller
 * reads the body by one of the {@code body} methods, which take the footer as well, before it asks
 * for the next item. One thread uses it, and nobody else reads its input meanwhile, but a {@link
 * SectionBody} while it is asked to.
 *
 * <pre>
 *   HEADER ──► CONFIGURATION ──► SECTIONS ──► DESCRIPTION ──► DONE
 *                                 │    ▲  └──── after postcopy ──►
 *                                 ▼    │
 *                                  BODY
 * </pre>
 *
 * <p>A package (§5.3) is read in place: its items come behind its command like any others.
 */
public final class StreamReader {
  /** What the next bytes are. */
  private enum State {
    /** The file header. */
    HEADER,
    /** The configuration, if there is one, else as SECTIONS. */
    CONFIGURATION,
    /** A section, a command, or the end of all sections. */
    SECTIONS,
    /** What the section holds whose header was read last. */
    BODY,
    /** The description, if there is one. */
    DESCRIPTION,
    /** Nothing that matters. */
    DONE
  }

  /**
   * A FULL section that was read.
   *
   * @param offset of its body's first byte
   * @param bytes length of its body
   */
  public record FullSection(Section section, long offset, long bytes) {}

  /** The only version of the RAM section that there is. */
  private static final long RAM_VERSION = 4;

  private static final long NO_PACKAGE = Long.MAX_VALUE;

  private final StreamInput in;
  private final SectionTable sections;
  private final List<FullSection> fullSections = new ArrayList<>();

  private State state;
  private SectionHeader header =
      new SectionHeader(Kind.FULL, new Section(0, "", 0, 0)); // before the first
  private long itemOffset;
  private long packageEnd = NO_PACKAGE;
  private long bodyAt;
  private boolean described = true;
  private boolean configured;

  private StreamReader(StreamInput in, SectionTable sections, State state) {
    this.in = in;
    this.sections = sections;
    this.state = state;
  }

  /**
   * Reads a stream from its first byte.
   *
   * @param in stays the caller's
   */
  public static StreamReader of(StreamInput in) {
    return new StreamReader(in, new SectionTable(), State.HEADER);
  }

  /**
   * Goes on with a paused postcopy on a new connection, which has no header (§5.5).
   *
   * @param known {@link #sections} of the connection before
   */
  public static StreamReader ofRecovery(StreamInput in, SectionTable known) {
    StreamReader reader = new StreamReader(in, known, State.SECTIONS);
    reader.described = false;
    return reader;
  }

  /**
   * Says that the source sends no description, which is a setting of old machines. Without this a
   * reader waits for one, while such a source may wait for an answer; after postcopy, which has
   * none, that is known.
   */
  public void expectNoDescription() {
    described = false;
  }

  /**
   * Waits for the next item; empty at the end. After {@link EndOfSections} it waits for a
   * description, but not where there is none; or for the end of the stream, which is in its place
   * where the machine is so old that the stream has no configuration.
   */
  public Optional<StreamItem> next() throws ChannelException, StreamException {
    if (state == State.BODY) {
      throw new IllegalStateException("The body of " + header.section() + " was not read");
    }
    if (in.offset() == packageEnd) {
      packageEnd = NO_PACKAGE;
    }
    itemOffset = in.offset();
    Optional<StreamItem> item = read();
    requireInPackage();
    advance(item);
    return item;
  }

  private Optional<StreamItem> read() throws ChannelException, StreamException {
    return switch (state) {
      case HEADER -> Optional.of(FileHeader.read(in));
      case CONFIGURATION ->
          Optional.of(
              in.peek() == TypeByte.CONFIGURATION ? Configuration.read(in) : readBetweenBodies());
      case SECTIONS -> Optional.of(readBetweenBodies());
      case DESCRIPTION -> readDescription();
      case BODY, DONE -> Optional.empty();
    };
  }

  /** All transitions but those from and to BODY, which {@link #endBody} makes. */
  private void advance(Optional<StreamItem> item) {
    if (item.isEmpty()) {
      state = State.DONE;
      return;
    }
    state =
        switch (item.get()) {
          case FileHeader ignored -> State.CONFIGURATION;
          case Configuration ignored -> {
            configured = true;
            yield State.SECTIONS;
          }
          case SectionHeader next -> {
            header = next;
            yield State.BODY;
          }
          case Command.Packaged embedded -> {
            packageEnd = in.offset() + embedded.packageBytes();
            yield State.SECTIONS;
          }
          case Command.PostcopyRun ignored -> {
            described = false;
            yield State.SECTIONS;
          }
          case Command ignored -> State.SECTIONS;
          case EndOfSections ignored -> described ? State.DESCRIPTION : State.DONE;
          case VmDescription ignored -> State.DONE;
        };
  }

  private StreamItem readBetweenBodies() throws ChannelException, StreamException {
    int type = in.peek();
    if (type == TypeByte.COMMAND) {
      return readCommand();
    }
    if (SectionHeader.isType(type)) {
      return readHeader();
    }
    if ((type == TypeByte.EOF && !inPackage()) || type < 0) {
      return EndOfSections.read(in);
    }
    throw in.malformed(
        in.offset(), "Neither a section nor a command begins with " + TypeByte.text(type));
  }

  private Command readCommand() throws ChannelException, StreamException {
    Command command = Command.read(in);
    if (inPackage() && command instanceof Command.Packaged) {
      throw in.malformed(itemOffset, "A package lies inside a package");
    }
    return command;
  }

  private SectionHeader readHeader() throws ChannelException, StreamException {
    SectionHeader next = SectionHeader.read(in, sections);
    Section section = next.section();
    if (inPackage() && next.kind() != Kind.FULL) {
      throw in.malformed(
          itemOffset, "A package has a " + next.kind() + " of " + section + ", which is not whole");
    }
    if (section.isRam() && section.version() != RAM_VERSION) {
      throw in.unsupported(
          itemOffset, "The version of " + section + " is " + section.version() + " instead of 4");
    }
    return next;
  }

  /**
   * A source writes one unless it was told otherwise, or has an old machine type, which also writes
   * no configuration. So where there was one, a stream without a description is cut short; perhaps
   * inside a device's state, in bytes that look like its end.
   */
  private Optional<StreamItem> readDescription() throws ChannelException, StreamException {
    if (in.hasMore()) {
      return Optional.of(VmDescription.read(in));
    }
    if (configured) {
      throw new StreamException(
          StreamException.Kind.TRUNCATED,
          in.name(),
          in.offset(),
          "The stream ends without the description of its devices: it was cut short, or its source"
              + " has suppress-vmdesc on");
    }
    return Optional.empty();
  }

  /** Has {@code body} read what the section holds, then takes the footer. */
  public void body(SectionBody body) throws ChannelException, StreamException {
    body.read(body(), header);
    endBody();
  }

  /**
   * Lets the caller read what the section holds, from this input, and then call {@link #endBody}.
   */
  public StreamInput body() {
    bodyAt = startOfBody();
    return in;
  }

  /** Takes the footer behind the body that {@link #body()} began. */
  public void endBody() throws ChannelException, StreamException {
    endBody(bodyAt);
  }

  /** Hands on what the section holds, whose length is known, then takes the footer. */
  public void body(long bytes, ByteSink sink) throws ChannelException, StreamException {
    long start = startOfBody();
    if (bytes > packageEnd - start) {
      throw in.malformed(start, header.section() + " is longer than its package");
    }
    ByteSink.pass(in, bytes, sink);
    endBody(start);
  }

  /**
   * Hands on what the section holds up to the first place that looks like its end (§0), then takes
   * the footer. State that happens to look so is cut short: {@link #verify} tells.
   *
   * @return length of the body in bytes
   */
  public long bodyUntilFooter(ByteSink sink) throws ChannelException, StreamException {
    long start = startOfBody();
    long bytes =
        new FooterSearch(in, sections, header.section().id(), inPackage(), described)
            .pass(sink, packageEnd);
    endBody(start);
    return bytes;
  }

  private long startOfBody() {
    if (state != State.BODY) {
      throw new IllegalStateException("There is no body where a " + state + " comes");
    }
    return in.offset();
  }

  private void endBody(long start) throws ChannelException, StreamException {
    long bytes = in.offset() - start;
    SectionFooter.read(in, header.section());
    requireInPackage();
    if (header.kind() == Kind.FULL) {
      fullSections.add(new FullSection(header.section(), start, bytes));
    }
    state = State.SECTIONS;
  }

  private void requireInPackage() throws StreamException {
    if (in.offset() > packageEnd) {
      throw in.malformed(itemOffset, "What begins in a package does not end in it");
    }
  }

  /** Offset of the first byte of the item that was read last. */
  public long itemOffset() {
    return itemOffset;
  }

  /** Whether the next byte is one of a package. */
  public boolean inPackage() {
    return in.offset() < packageEnd && packageEnd != NO_PACKAGE;
  }

  /** What was announced so far; changes as this reads on. */
  public SectionTable sections() {
    return sections;
  }

  /** The FULL sections whose bodies were read so far, in order. */
  public List<FullSection> fullSections() {
    return List.copyOf(fullSections);
  }

  /**
   * Holds the lengths of all FULL sections against the source's own description.
   *
   * @return those that it does not describe, which cannot be judged
   * @throws StreamException {@link StreamException.Kind#MALFORMED}, naming the first device whose
   *     body has another length
   */
  public List<Section> verify(MachineDescription machine) throws StreamException {
    record Key(String name, long instance) {}
    Map<Key, MachineDescription.Device> described = new HashMap<>();
    for (MachineDescription.Device device : machine.devices()) {
      described.putIfAbsent(new Key(device.name(), device.instance()), device);
    }
    List<Section> unknown = new ArrayList<>();
    for (FullSection full : fullSections) {
      Section section = full.section();
      MachineDescription.Device device = described.get(new Key(section.name(), section.instance()));
      if (device == null) {
        unknown.add(section);
      } else if (device.bodyBytes() != full.bytes()) {
        throw in.malformed(
            full.offset(),
            "The state of "
                + section
                + " has "
                + full.bytes()
                + " bytes, and "
                + device.bodyBytes()
                + " by the description");
      }
    }
    return unknown;
  }
}
