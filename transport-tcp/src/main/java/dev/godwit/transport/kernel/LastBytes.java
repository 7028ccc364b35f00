package dev.godwit.transport.kernel;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Looks at the last bytes of what is in a pipe, and leaves all of it there: the kernel duplicates
 * the references into a second pipe, whose other bytes are thrown away unread.
 */
final class LastBytes implements AutoCloseable {
  private final Pipe copy;
  private final int nothing;
  private final int wanted;
  private final ByteBuffer bytes;

  private LastBytes(Pipe copy, int nothing, int wanted) {
    this.copy = copy;
    this.nothing = nothing;
    this.wanted = wanted;
    this.bytes = ByteBuffer.allocateDirect(wanted).limit(0);
  }

  /**
   * @param capacityBytes of the pipes that are looked at
   * @return empty if the system has no descriptors for it to give
   */
  static Optional<LastBytes> open(int capacityBytes, int wanted) {
    Optional<Pipe> copy = Pipe.open();
    if (copy.isEmpty()) {
      return Optional.empty();
    }
    int nothing = Libc.open("/dev/null", Libc.O_WRONLY | Libc.O_CLOEXEC, 0);
    if (nothing < 0 || copy.get().capacityBytes() < capacityBytes) {
      copy.get().close();
      if (nothing >= 0) {
        Libc.close(nothing);
      }
      return Optional.empty();
    }
    return Optional.of(new LastBytes(copy.get(), nothing, wanted));
  }

  /** Looks at the last of the {@code length} bytes that are in {@code pipe}. */
  void look(Pipe pipe, long length) throws ChannelException {
    int part = (int) Math.min(wanted, length);
    if (length > 0) {
      pipe.copyTo(copy, length);
      copy.moveTo(nothing, length - part);
    }
    bytes.clear();
    copy.read(bytes, part);
    bytes.flip();
  }

  /** What was seen, between position and limit. */
  ByteBuffer bytes() {
    return bytes;
  }

  @Override
  public void close() {
    copy.close();
    Libc.close(nothing);
  }
}
