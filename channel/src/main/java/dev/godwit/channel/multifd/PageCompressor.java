package dev.godwit.channel.multifd;

import java.nio.ByteBuffer;

/**
 * One channel's pages on their way into its one compressed stream. One thread uses it; nothing is
 * allocated for a packet. Buffers are direct.
 */
interface PageCompressor extends AutoCloseable {

  /**
   * Compresses all of {@code pages} and flushes, so that the reader gets them from these bytes
   * alone. The pages must not change meanwhile: guest memory is copied first.
   *
   * @param dst cleared, of {@link MultifdPacket#MAX_PAYLOAD_BYTES}; holds the result from 0 to its
   *     position on return
   */
  void compress(ByteBuffer pages, ByteBuffer dst);

  @Override
  void close();
}
