package dev.godwit.channel.multifd;

import com.github.luben.zstd.EndDirective;
import com.github.luben.zstd.ZstdCompressCtx;
import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;

/**
 * One zstd frame a channel, with its header in the first packet; each packet ends with a flush and
 * none ends the frame (qemu-wire.md §4.5).
 */
final class ZstdPages {
  private ZstdPages() {}

  static final class Compressor implements PageCompressor {
    private final ZstdCompressCtx context = new ZstdCompressCtx();

    Compressor(int level) {
      context.setLevel(level);
    }

    @Override
    public void compress(ByteBuffer pages, ByteBuffer dst) {
      if (!context.compressDirectByteBufferStream(dst, pages, EndDirective.FLUSH)) {
        throw new IllegalStateException("Pages became larger than twice their size");
      }
    }

    @Override
    public void close() {
      context.close();
    }
  }

  static final class Decompressor implements PageDecompressor {
    private final ZstdDecompressCtx context = new ZstdDecompressCtx();
    private final ByteBuffer rest = Arena.ofAuto().allocate(1).asByteBuffer();
    private ByteBuffer payload = rest;

    @Override
    public void begin(ByteBuffer next) {
      payload = next;
    }

    @Override
    public void fill(ByteBuffer dst) throws DataFormatException {
      while (dst.hasRemaining()) {
        int room = dst.remaining();
        int left = payload.remaining();
        decompress(dst);
        if (dst.remaining() == room && payload.remaining() == left) {
          throw new DataFormatException("The payload inflates to less than its pages");
        }
      }
    }

    @Override
    public void end() throws DataFormatException {
      decompress(rest.clear());
      if (rest.position() > 0 || payload.hasRemaining()) {
        throw new DataFormatException("The payload inflates to more than its pages");
      }
    }

    private void decompress(ByteBuffer dst) throws DataFormatException {
      boolean ended;
      try {
        ended = context.decompressDirectByteBufferStream(dst, payload);
      } catch (ZstdException e) {
        throw new DataFormatException("The payload is not zstd's: " + e.getMessage());
      }
      if (ended) {
        throw new DataFormatException("The zstd frame of the channel ends");
      }
    }

    @Override
    public void close() {
      context.close();
    }
  }
}
