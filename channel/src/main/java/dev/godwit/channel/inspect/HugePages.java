package dev.godwit.channel.inspect;

import dev.godwit.channel.stream.Command.PostcopyAdvise.PageSizes;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.ChannelException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Tells whether a RAM block's page size follows its length, which a destination knows of its own
 * memory and a stream does not say (qemu-wire.md §3.2): of a source that has postcopy on, it does
 * for blocks whose pages are larger than the host's. What follows otherwise is a name, which begins
 * with its length and so never with 0, or a mark, which is smaller than any page.
 */
final class HugePages implements Predicate<String> {
  private final StreamInput in;
  private final long sizes;

  /**
   * @param in stands behind the block's length when this is asked
   * @param advised by the source
   */
  HugePages(StreamInput in, Optional<PageSizes> advised) {
    this.in = in;
    long all = advised.map(PageSizes::blocksMask).orElse(0L);
    // The smallest is the host's own.
    this.sizes = all & ~Long.lowestOneBit(all);
  }

  /**
   * @throws UncheckedIOException if the channel fails, with a {@link ChannelException}
   */
  @Override
  public boolean test(String block) {
    try {
      ByteBuffer ahead = sizes == 0 ? ByteBuffer.allocate(0) : in.peek(Long.BYTES);
      long next = ahead.remaining() < Long.BYTES ? 0 : ahead.getLong(ahead.position());
      return Long.bitCount(next) == 1 && (next & sizes) != 0;
    } catch (ChannelException e) {
      throw new UncheckedIOException(e);
    }
  }
}
