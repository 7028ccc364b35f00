package dev.godwit.migration.engine;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;

/**
 * The last word of a source to a Godwit, behind the stream's end: it has given the guest up, for
 * good. It follows the destination's answer {@code Ready}.
 *
 * <pre>
 *   0  8  "GodwitOk" in ASCII
 * </pre>
 */
final class Handover {
  static final int BYTES = Long.BYTES;

  private static final long WORD = 0x476F_6477_6974_4F6BL;

  private Handover() {}

  static void write(StreamOutput out) throws ChannelException {
    out.u64(WORD);
  }

  /** Returns once the source has given the guest up; whatever else it says is refused. */
  static void read(StreamInput in) throws ChannelException, StreamException {
    long start = in.offset();
    if (in.u64() != WORD) {
      throw in.malformed(start, "The source does not say that it has given the guest up");
    }
  }
}
