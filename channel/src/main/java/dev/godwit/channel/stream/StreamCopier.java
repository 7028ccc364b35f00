package dev.godwit.channel.stream;

import dev.godwit.transport.ChannelException;
import java.util.Optional;

/**
 * Reads a stream and writes the same bytes, which shows that all of it was understood but the state
 * of devices. What the RAM section holds is copied by somebody who knows it.
 */
public final class StreamCopier {
  /** Looks at each item before it is written. */
  @FunctionalInterface
  public interface Check {
    /**
     * @throws StreamException if it must not go on
     */
    void pass(StreamItem item) throws StreamException;
  }

  private final StreamReader from;
  private final StreamWriter to;
  private final SectionBody ram;
  private final Check check;

  /**
   * @param ram reads each RAM section's body and writes it to the output of {@code to}
   */
  public StreamCopier(StreamReader from, StreamWriter to, SectionBody ram) {
    this(from, to, ram, item -> {});
  }

  /**
   * @param ram reads each RAM section's body and writes it to the output of {@code to}
   * @param check may refuse an item
   */
  public StreamCopier(StreamReader from, StreamWriter to, SectionBody ram, Check check) {
    this.from = from;
    this.to = to;
    this.ram = ram;
    this.check = check;
  }

  /**
   * Copies up to the end and flushes. If that fails, what was written is the beginning of a stream.
   *
   * @return the description, which tells by {@link StreamReader#verify} whether the devices' states
   *     were told apart rightly; the bytes are the same in any case
   */
  public Optional<VmDescription> copy() throws ChannelException, StreamException {
    Optional<VmDescription> description = Optional.empty();
    for (Optional<StreamItem> next = from.next(); next.isPresent(); next = from.next()) {
      StreamItem item = next.get();
      check.pass(item);
      to.write(item);
      switch (item) {
        case SectionHeader header -> copyBody(header);
        case VmDescription last -> description = Optional.of(last);
        default -> {}
      }
    }
    to.flush();
    return description;
  }

  private void copyBody(SectionHeader header) throws ChannelException, StreamException {
    switch (header.kind()) {
      case FULL -> from.bodyUntilFooter(to.output()::bytes);
      case START, PART, END -> {
        switch (header.section().name()) {
          case Section.RAM -> from.body(ram);
          case DirtyBitmapChunk.SECTION -> from.body((in, ignored) -> copyDirtyBitmap(in));
          case BlockChunk.SECTION -> from.body((in, ignored) -> copyBlock(in));
          default -> from.bodyUntilFooter(to.output()::bytes);
        }
      }
    }
    to.endSection();
  }

  private void copyDirtyBitmap(StreamInput in) throws ChannelException, StreamException {
    DirtyBitmapChunk chunk;
    do {
      chunk = DirtyBitmapChunk.read(in);
      chunk.write(to.output());
      ByteSink.pass(in, chunk.dataBytes(), to.output()::bytes);
    } while (!chunk.isLast());
  }

  private void copyBlock(StreamInput in) throws ChannelException, StreamException {
    BlockChunk chunk;
    do {
      chunk = BlockChunk.read(in);
      chunk.write(to.output());
      ByteSink.pass(in, chunk.dataBytes(), to.output()::bytes);
    } while (!chunk.isLast());
  }
}
