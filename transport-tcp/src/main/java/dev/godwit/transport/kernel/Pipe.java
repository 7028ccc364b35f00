package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.godwit.transport.ChannelException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * A pipe of this process alone, through which the kernel hands pages from one socket to another.
 * One thread uses it and closes it; it is empty whenever something is put in, so nothing waits for
 * it.
 */
final class Pipe implements AutoCloseable {
  /** What one hand-over can be: beyond the usual socket buffer, and still in the cores' caches. */
  private static final int WANTED_BYTES = 256 * 1024;

  /**
   * With less than that, which is what the kernel grants a user of many pipes, copying is better.
   */
  private static final int LEAST_BYTES = 64 * 1024;

  private final int out;
  private final int in;
  private final int capacityBytes;
  private final CallFrame frame = new CallFrame();

  private Pipe(int out, int in, int capacityBytes) {
    this.out = out;
    this.in = in;
    this.capacityBytes = capacityBytes;
  }

  /** Empty if the system has none to give, or only a small one. */
  static Optional<Pipe> open() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pair = arena.allocate(JAVA_INT, 2);
      if (Libc.pipe(pair, Libc.O_CLOEXEC) < 0) {
        return Optional.empty();
      }
      int out = pair.getAtIndex(JAVA_INT, 0);
      int in = pair.getAtIndex(JAVA_INT, 1);
      int size = Libc.fcntl(in, Libc.F_SETPIPE_SZ, WANTED_BYTES);
      size = size < 0 ? Libc.fcntl(in, Libc.F_GETPIPE_SZ, 0) : size;
      Pipe pipe = new Pipe(out, in, size);
      if (size < LEAST_BYTES) {
        pipe.close();
        return Optional.empty();
      }
      return Optional.of(pipe);
    }
  }

  /** The end that bytes come out of. */
  int out() {
    return out;
  }

  /** The end that bytes are put into. */
  int in() {
    return in;
  }

  int capacityBytes() {
    return capacityBytes;
  }

  /** Puts the bytes that are in it into an empty pipe as well, all {@code length} of them. */
  void copyTo(Pipe other, long length) throws ChannelException {
    long count;
    do {
      count = Libc.tee(frame.errno(), out, other.in, length, 0);
    } while (count == -Errno.EINTR);
    if (count != length) {
      throw Errno.failure("Cannot look at what is in a pipe", "tee", count < 0 ? (int) -count : 0);
    }
  }

  /** Moves the first {@code length} of the bytes that are in it to a file. */
  void moveTo(int file, long length) throws ChannelException {
    for (long done = 0; done < length; ) {
      long count = Libc.splice(frame.errno(), out, file, length - done, 0);
      if (count > 0) {
        done += count;
      } else if (count != -Errno.EINTR) {
        throw Errno.failure("Cannot empty a pipe", "splice", (int) -count);
      }
    }
  }

  /** Takes {@code length} of the bytes that are in it. */
  void read(ByteBuffer dst, int length) throws ChannelException {
    ByteBuffer stage = frame.stage();
    for (int done = 0; done < length; ) {
      int part = Math.min(length - done, stage.capacity());
      long count = Libc.read(frame.errno(), out, frame.stageAddress(), part);
      if (count > 0) {
        dst.put(dst.position(), stage, 0, (int) count).position(dst.position() + (int) count);
        done += (int) count;
      } else if (count != -Errno.EINTR) {
        throw Errno.failure("Cannot take back what is in a pipe", "read", (int) -count);
      }
    }
  }

  @Override
  public void close() {
    Libc.close(in);
    Libc.close(out);
  }
}
