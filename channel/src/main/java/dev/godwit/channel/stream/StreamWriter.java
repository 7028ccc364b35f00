package dev.godwit.channel.stream;

import dev.godwit.transport.ChannelException;
import java.util.Optional;

/**
 * Writes a main channel item by item, as {@link StreamReader} reads it. Behind a {@link
 * SectionHeader} the caller writes the body to {@link #output} and calls {@link #endSection}. What
 * no reader could read is the caller's mistake, and an {@link IllegalStateException} before any of
 * it is written. One thread uses it.
 */
public final class StreamWriter {
  private static final long NO_PACKAGE = Long.MAX_VALUE;

  private final StreamOutput out;
  private final SectionTable sections;
  private Optional<Section> open = Optional.empty();
  private long packageEnd = NO_PACKAGE;

  private StreamWriter(StreamOutput out, SectionTable sections) {
    this.out = out;
    this.sections = sections;
  }

  /**
   * @param out stays the caller's
   */
  public static StreamWriter of(StreamOutput out) {
    return new StreamWriter(out, new SectionTable());
  }

  /**
   * Goes on with a paused postcopy on a new connection.
   *
   * @param known {@link #sections} of the connection before
   */
  public static StreamWriter ofRecovery(StreamOutput out, SectionTable known) {
    return new StreamWriter(out, known);
  }

  /** Writes {@code item}. A command travels at once, the rest when the buffer is full. */
  public void write(StreamItem item) throws ChannelException {
    if (open.isPresent()) {
      throw new IllegalStateException("The footer of " + open.get() + " was not written");
    }
    if (out.offset() > packageEnd) {
      throw new IllegalStateException("More was written into a package than it can hold");
    }
    if (out.offset() == packageEnd) {
      packageEnd = NO_PACKAGE;
    }
    if (item instanceof SectionHeader header) {
      begin(header);
    }
    item.write(out);
    switch (item) {
      case Command.Packaged embedded -> packageEnd = out.offset() + embedded.packageBytes();
      case Command ignored -> out.flush();
      default -> {}
    }
  }

  private void begin(SectionHeader header) {
    Optional<String> objection = sections.objection(header);
    if (objection.isPresent()) {
      throw new IllegalStateException(objection.get());
    }
    sections.accept(header);
    open = Optional.of(header.section());
  }

  /** Where the body of the section goes that was begun. */
  public StreamOutput output() {
    return out;
  }

  /** Writes the footer of the section that was begun. */
  public void endSection() throws ChannelException {
    Section section = open.orElseThrow(() -> new IllegalStateException("No section was begun"));
    new SectionFooter(section.id()).write(out);
    open = Optional.empty();
  }

  /** Hands over all that was written. */
  public void flush() throws ChannelException {
    out.flush();
  }

  /** What was announced so far; changes as this writes on. */
  public SectionTable sections() {
    return sections;
  }
}
