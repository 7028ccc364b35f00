package dev.godwit.channel.multifd;

import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;

/**
 * One channel's pages on their way out of its one compressed stream. One thread uses it; nothing is
 * allocated for a packet. Buffers are direct. After a failure it is of no use.
 */
interface PageDecompressor extends AutoCloseable {

  /** The payload of the next packet, which stays the caller's and unchanged until {@link #end}. */
  void begin(ByteBuffer payload);

  /** Fills {@code dst} up to its limit. */
  void fill(ByteBuffer dst) throws DataFormatException;

  /** Passes if the payload holds nothing more. */
  void end() throws DataFormatException;

  @Override
  void close();
}
