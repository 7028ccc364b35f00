package dev.godwit.channel.stream;

import dev.godwit.channel.stream.StreamException.Kind;
import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;

/**
 * Finds the end of a body of which nobody knows the length: the first place where the section's
 * footer stands and something that can follow one (qemu-wire.md §0). That the type byte alone is
 * right means little: the clock's section has the id 0 and holds zeroes. State that has all of it
 * inside is cut there; the description at the stream's end tells.
 *
 * <p>It never waits for more than a sound stream holds at that place.
 */
final class FooterSearch {
  /** The footer, and the type byte that follows every footer. */
  private static final int LEAST_BYTES = SectionFooter.BYTES + 1;

  /** The type byte's own frame, up to where its length is known. */
  private static final int SHORT_HEADER_BYTES = 1 + 4;

  private static final int NAME_AT = LEAST_BYTES + 4;

  private final StreamInput in;
  private final SectionTable known;
  private final long id;
  private final boolean inPackage;
  private final boolean described;

  /**
   * @param described whether a description follows the sections, or the end of the stream
   */
  FooterSearch(StreamInput in, SectionTable known, long id, boolean inPackage, boolean described) {
    this.in = in;
    this.known = known;
    this.id = id;
    this.inPackage = inPackage;
    this.described = described;
  }

  /**
   * Hands the body to {@code sink} and leaves the footer.
   *
   * @param end offset at which the body ends at the latest
   * @return how many bytes the body has
   */
  long pass(ByteSink sink, long end) throws ChannelException, StreamException {
    long start = in.offset();
    while (in.offset() <= end - SectionFooter.BYTES) {
      ByteBuffer ahead = in.peek(LEAST_BYTES);
      if (ahead.remaining() < LEAST_BYTES) {
        throw new StreamException(
            Kind.TRUNCATED,
            in.name(),
            in.offset() + ahead.remaining(),
            "The stream ends inside a section, before its footer");
      }
      int clear = bytesWithoutFooter(ahead);
      if (clear == 0) {
        if (isFollowed()) {
          return in.offset() - start;
        }
        // A footer that nothing can follow is a byte of the body like others. Looking ahead may
        // have moved what is buffered.
        clear = 1;
        ahead = in.peek(1);
      }
      int part = (int) Math.min(clear, end - in.offset());
      sink.take(ahead.limit(ahead.position() + part));
      in.skip(part);
    }
    throw in.malformed(start, "A section has no footer before its package ends");
  }

  /** How many bytes there are before one that may begin the footer. */
  private int bytesWithoutFooter(ByteBuffer ahead) {
    int start = ahead.position();
    int last = ahead.limit() - LEAST_BYTES;
    for (int at = start; at <= last; at++) {
      if (ahead.get(at) == TypeByte.SECTION_FOOTER && (ahead.getInt(at + 1) & 0xFFFF_FFFFL) == id) {
        return at - start;
      }
    }
    return last - start + 1;
  }

  /** Whether what stands behind the footer ahead can stand there. */
  private boolean isFollowed() throws ChannelException {
    int type = peeked(LEAST_BYTES - 1);
    return switch (type) {
      case TypeByte.EOF -> !inPackage && (!described || isDescription());
      case TypeByte.SECTION_PART, TypeByte.SECTION_END ->
          !inPackage && known.started(peekedInt(LEAST_BYTES)).isPresent();
      case TypeByte.SECTION_START, TypeByte.SECTION_FULL ->
          (type == TypeByte.SECTION_FULL || !inPackage)
              && known.announced(peekedInt(LEAST_BYTES)).isEmpty()
              && isName();
      case TypeByte.COMMAND -> isCommand();
      default -> false;
    };
  }

  /** Whether a description begins behind the end of the sections, as far as the stream goes. */
  private boolean isDescription() throws ChannelException {
    int type = peeked(LEAST_BYTES);
    return type < 0
        || (type == TypeByte.VM_DESCRIPTION
            && peekedInt(LEAST_BYTES + 1) <= VmDescription.MAX_BYTES);
  }

  private boolean isCommand() throws ChannelException {
    ByteBuffer ahead = in.peek(SectionFooter.BYTES + SHORT_HEADER_BYTES);
    int at = ahead.position() + LEAST_BYTES;
    return ahead.limit() - at >= SHORT_HEADER_BYTES - 1
        && CommandReader.isPlausible(ahead.getShort(at) & 0xFFFF, ahead.getShort(at + 2) & 0xFFFF);
  }

  /** Whether the new section's name is one, of letters that names have. */
  private boolean isName() throws ChannelException {
    int length = peeked(NAME_AT);
    for (int i = 1; i <= length; i++) {
      int letter = peeked(NAME_AT + i);
      if (letter < 0x20 || letter >= 0x7F) {
        return false;
      }
    }
    return length > 0;
  }

  /** The byte so far ahead, or -1 if the stream ends before. */
  private int peeked(int distance) throws ChannelException {
    ByteBuffer ahead = in.peek(distance + 1);
    return ahead.remaining() > distance ? ahead.get(ahead.position() + distance) & 0xFF : -1;
  }

  /** The number so far ahead, or -1, which is no id, if the stream ends before. */
  private long peekedInt(int distance) throws ChannelException {
    ByteBuffer ahead = in.peek(distance + Integer.BYTES);
    return ahead.remaining() >= distance + Integer.BYTES
        ? ahead.getInt(ahead.position() + distance) & 0xFFFF_FFFFL
        : -1;
  }
}
