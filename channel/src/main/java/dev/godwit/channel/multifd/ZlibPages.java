package dev.godwit.channel.multifd;

import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/**
 * One zlib stream a channel, with its header in the first packet; each packet ends with a sync
 * flush and none ends the stream (qemu-wire.md §4.5).
 */
final class ZlibPages {
  private ZlibPages() {}

  static final class Compressor implements PageCompressor {
    private final Deflater deflater;

    Compressor(int level) {
      deflater = new Deflater(level);
    }

    @Override
    public void compress(ByteBuffer pages, ByteBuffer dst) {
      deflater.setInput(pages);
      deflater.deflate(dst, Deflater.SYNC_FLUSH);
      if (!dst.hasRemaining()) {
        throw new IllegalStateException("Pages became larger than twice their size");
      }
    }

    @Override
    public void close() {
      deflater.end();
    }
  }

  static final class Decompressor implements PageDecompressor {
    private final Inflater inflater = new Inflater();
    private final ByteBuffer rest = ByteBuffer.allocateDirect(1);

    @Override
    public void begin(ByteBuffer payload) {
      inflater.setInput(payload);
    }

    @Override
    public void fill(ByteBuffer dst) throws DataFormatException {
      while (dst.hasRemaining()) {
        if (inflate(dst) == 0) {
          throw new DataFormatException("The payload inflates to less than its pages");
        }
      }
    }

    @Override
    public void end() throws DataFormatException {
      if (inflate(rest.clear()) > 0 || inflater.getRemaining() > 0) {
        throw new DataFormatException("The payload inflates to more than its pages");
      }
    }

    private int inflate(ByteBuffer dst) throws DataFormatException {
      int bytes;
      try {
        bytes = inflater.inflate(dst);
      } catch (DataFormatException e) {
        throw new DataFormatException("The payload is not zlib's: " + e.getMessage());
      }
      if (inflater.finished() || inflater.needsDictionary()) {
        throw new DataFormatException("The zlib stream of the channel ends, or asks for more");
      }
      return bytes;
    }

    @Override
    public void close() {
      inflater.end();
    }
  }
}
