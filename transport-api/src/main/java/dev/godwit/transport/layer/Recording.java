package dev.godwit.transport.layer;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One direction of one channel as a file. A file that cannot take more, because its disk is full,
 * is given up and renamed, so that it never passes for the whole; the channel goes on.
 */
final class Recording implements AutoCloseable {
  /** What a recording is called from the moment on at which a byte is missing. */
  static final String INCOMPLETE = ".incomplete";

  private static final Logger LOG = LoggerFactory.getLogger(Recording.class);

  private final Path file;
  private final OutputStream out;
  private final byte[] buffer = new byte[64 * 1024];
  private boolean over;

  /**
   * @param out an open stream onto {@code file}, from now on the recording's
   */
  Recording(Path file, OutputStream out) {
    this.file = file;
    this.out = out;
  }

  /** Appends what is in {@code bytes}, whose position stays where it is. */
  void add(ByteBuffer bytes) {
    add(MemorySegment.ofBuffer(bytes));
  }

  synchronized void add(MemorySegment bytes) {
    try {
      for (long done = 0; done < bytes.byteSize() && !over; ) {
        int part = (int) Math.min(buffer.length, bytes.byteSize() - done);
        MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, done, buffer, 0, part);
        out.write(buffer, 0, part);
        done += part;
      }
    } catch (IOException e) {
      giveUp(e);
    }
  }

  @Override
  public synchronized void close() {
    if (!over) {
      over = true;
      try {
        out.close();
      } catch (IOException e) {
        giveUp(e);
      }
    }
  }

  private void giveUp(IOException why) {
    over = true;
    Path incomplete = file.resolveSibling(file.getFileName() + INCOMPLETE);
    LOG.warn(
        "The recording {} ends here, the migration goes on without it: {}",
        incomplete,
        why.getMessage());
    try {
      out.close();
    } catch (IOException e) {
      LOG.debug("Closing {} failed as well", file, e);
    }
    try {
      Files.move(file, incomplete);
    } catch (IOException e) {
      LOG.warn("{} is incomplete but keeps its name: {}", file, e.getMessage());
    }
  }
}
