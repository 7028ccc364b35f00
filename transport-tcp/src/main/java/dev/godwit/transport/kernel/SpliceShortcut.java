package dev.godwit.transport.kernel;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Shortcut;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * From socket to socket through a pipe: the kernel moves references to pages and copies nothing.
 */
final class SpliceShortcut implements Shortcut {
  private static final ByteBuffer NONE = ByteBuffer.allocate(0);

  private final DescriptorChannel source;
  private final DescriptorChannel sink;
  private final Pipe pipe;
  private final Optional<LastBytes> last;
  private long taken;

  /**
   * @param last sees the last bytes of each piece, if somebody wants to
   */
  SpliceShortcut(
      DescriptorChannel source, DescriptorChannel sink, Pipe pipe, Optional<LastBytes> last) {
    this.source = source;
    this.sink = sink;
    this.pipe = pipe;
    this.last = last;
  }

  @Override
  public long take() throws ChannelException {
    if (taken > 0) {
      throw new IllegalStateException(taken + " bytes were taken and not given");
    }
    long count = source.spliceTo(pipe);
    taken = Math.max(count, 0);
    if (last.isPresent()) {
      last.get().look(pipe, taken);
    }
    return count;
  }

  @Override
  public ByteBuffer last() {
    return last.isPresent() ? last.get().bytes() : NONE;
  }

  @Override
  public void give() throws ChannelException {
    sink.spliceFrom(pipe, taken);
    taken = 0;
  }

  @Override
  public void close() {
    pipe.close();
    last.ifPresent(LastBytes::close);
  }
}
