package dev.godwit.channel.multifd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Pages in and out of a channel's one compressed stream (qemu-wire.md §4.5). */
final class CompressionTest {
  private static final int PAGE = 4096;
  private static final int MUTATIONS = 10_000;
  private static final long MUTATION_NANOS = 5_000_000_000L;

  private final ByteBuffer packed = ByteBuffer.allocateDirect(MultifdPacket.MAX_PAYLOAD_BYTES);

  /** Pages that compress well, badly or not at all. */
  private static byte[] pages(Random random, int count) {
    byte[] pages = Io.bytes(random, count * PAGE);
    for (int page = 0; page < count; page++) {
      int kept = random.nextInt(3) * PAGE / 2;
      Arrays.fill(pages, page * PAGE + kept, (page + 1) * PAGE, (byte) random.nextInt());
    }
    return pages;
  }

  private static ByteBuffer direct(byte[] bytes) {
    return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
  }

  private byte[] pack(PageCompressor compressor, byte[] pages) {
    ByteBuffer source = direct(pages);
    compressor.compress(source, packed.clear());
    assertThat(source.hasRemaining()).isFalse();
    byte[] result = new byte[packed.flip().remaining()];
    packed.get(result);
    return result;
  }

  /** Out again, in runs of any length as pages stand in guest memory. */
  private static byte[] unpack(
      PageDecompressor decompressor, byte[] payload, int bytes, int runBytes)
      throws DataFormatException {
    ByteBuffer memory = ByteBuffer.allocateDirect(bytes);
    decompressor.begin(direct(payload));
    while (memory.position() < bytes) {
      memory.limit(Math.min(bytes, memory.position() + runBytes));
      decompressor.fill(memory);
    }
    decompressor.end();
    byte[] result = new byte[bytes];
    memory.flip().get(result);
    return result;
  }

  @ParameterizedTest
  @EnumSource(names = {"ZLIB", "ZSTD"})
  void packetsOfOneStreamComeOutAsTheyWentIn(MultifdCompression compression) throws Exception {
    Random random = Seed.of("packetsOfOneStream").random();
    for (int level : new int[] {0, 1, 9}) {
      try (PageCompressor compressor = compression.compressor(level);
          PageDecompressor decompressor = compression.decompressor()) {
        for (int packet = 0; packet < 20; packet++) {
          byte[] pages = pages(random, 1 + random.nextInt(128));
          byte[] payload = pack(compressor, pages);
          int run = PAGE * (1 + random.nextInt(8));
          assertThat(unpack(decompressor, payload, pages.length, run)).isEqualTo(pages);
        }
      }
    }
  }

  @Test
  void theStreamBeginsOnceAndIsFlushed() {
    Random random = Seed.of("theStreamBeginsOnceAndIsFlushed").random();
    try (PageCompressor zlib = MultifdCompression.ZLIB.compressor(1);
        PageCompressor zstd = MultifdCompression.ZSTD.compressor(1)) {
      for (int packet = 0; packet < 3; packet++) {
        byte[] pages = pages(random, 4);
        String first = HexFormat.of().formatHex(pack(zlib, pages));
        assertThat(first.startsWith("7801")).isEqualTo(packet == 0);
        assertThat(first).endsWith("0000ffff");
        String second = HexFormat.of().formatHex(pack(zstd, pages));
        assertThat(second.startsWith("28b52ffd")).isEqualTo(packet == 0);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"ZLIB", "ZSTD"})
  void aPayloadOfMoreOrLessThanItsPagesIsRefused(MultifdCompression compression) {
    byte[] pages = pages(Seed.of("aPayloadOfMoreOrLess").random(), 8);
    for (int bytes : new int[] {PAGE, 7 * PAGE, 8 * PAGE - 1, 8 * PAGE + 1, 9 * PAGE}) {
      try (PageCompressor compressor = compression.compressor(1);
          PageDecompressor decompressor = compression.decompressor()) {
        byte[] payload = pack(compressor, pages);
        assertThatThrownBy(() -> unpack(decompressor, payload, bytes, PAGE))
            .isInstanceOf(DataFormatException.class)
            .hasMessageContaining(bytes < pages.length ? "more than its pages" : "less than");
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"ZLIB", "ZSTD"})
  void aStreamThatEndsOrIsCutIsRefused(MultifdCompression compression) throws Exception {
    byte[] pages = new byte[PAGE];
    byte[] whole =
        compression == MultifdCompression.ZLIB ? finishedZlib(pages) : Zstd.compress(pages);
    try (PageDecompressor decompressor = compression.decompressor()) {
      assertThatThrownBy(() -> unpack(decompressor, whole, PAGE, PAGE))
          .isInstanceOf(DataFormatException.class)
          .hasMessageContaining("ends");
    }
    byte[] payload;
    try (PageCompressor compressor = compression.compressor(1)) {
      payload = pack(compressor, pages(Seed.of("aStreamThatIsCut").random(), 2));
    }
    for (int length = 0; length < payload.length - 5; length += 1 + length / 20) {
      byte[] cut = Arrays.copyOf(payload, length);
      try (PageDecompressor decompressor = compression.decompressor()) {
        assertThatThrownBy(() -> unpack(decompressor, cut, 2 * PAGE, PAGE))
            .isInstanceOf(DataFormatException.class);
      }
    }
  }

  private static byte[] finishedZlib(byte[] pages) {
    Deflater deflater = new Deflater();
    deflater.setInput(pages);
    deflater.finish();
    byte[] out = new byte[PAGE];
    int length = deflater.deflate(out);
    deflater.end();
    return Arrays.copyOf(out, length);
  }

  @ParameterizedTest
  @EnumSource(names = {"ZLIB", "ZSTD"})
  void damageIsATypedErrorOrOtherPages(MultifdCompression compression) throws Exception {
    Random random = Seed.of("damage of " + compression).random();
    byte[] payload;
    try (PageCompressor compressor = compression.compressor(1)) {
      payload = pack(compressor, pages(random, 4));
    }
    long end = System.nanoTime() + MUTATION_NANOS;
    int refused = 0;
    for (int round = 0; round < MUTATIONS && System.nanoTime() < end; round++) {
      byte[] bytes = payload.clone();
      for (int i = random.nextInt(4); i >= 0; i--) {
        bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      }
      try (PageDecompressor decompressor = compression.decompressor()) {
        unpack(decompressor, bytes, 4 * PAGE, PAGE);
      } catch (DataFormatException e) {
        refused++;
      }
    }
    assertThat(refused).isPositive();
  }

  @Test
  void aLevelThatThereIsNotIsRefused() {
    assertThatThrownBy(() -> MultifdCompression.ZLIB.compressor(10))
        .hasMessage("Level 10 of zlib is not from 0 to 9");
    assertThatThrownBy(() -> MultifdCompression.ZSTD.compressor(21))
        .hasMessage("Level 21 of zstd is not from 0 to 20");
    assertThat(MultifdCompression.named("zstd")).contains(MultifdCompression.ZSTD);
    assertThat(MultifdCompression.named("qpl")).isEmpty();
  }
}
