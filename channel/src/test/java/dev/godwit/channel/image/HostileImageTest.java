package dev.godwit.channel.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamException.Kind;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.testkit.Seed;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Files that no writer makes (qemu-wire.md §11). */
final class HostileImageTest {
  private static final int MIB = 1 << 20;
  private static final int START = 0x200;
  private static final int HEADER = START + 15;
  private static final int BITMAP = HEADER + 28;
  private static final int PAGES = 100;

  private final Arena arena = Arena.ofShared();
  private final byte[] image = image();

  private byte[] image() {
    try {
      RamBlocks blocks = Image.blocks(arena, PAGES);
      RamBlock block = blocks.all().getFirst();
      block.memory().asSlice(30 * 4096, 70 * 4096).fill((byte) 7);
      MemoryFile file = new MemoryFile(4 * MIB);
      Image.write(file, START, blocks, 1, writer -> writer.write(block));
      return file.content();
    } catch (ChannelException e) {
      throw new AssertionError(e);
    }
  }

  @AfterEach
  void free() {
    arena.close();
  }

  @Test
  void isReadAsItIs() throws Exception {
    assertThat(Image.read(MemoryFile.of(image), START, Image.blocks(arena, PAGES), 2))
        .isEqualTo(70);
  }

  @Test
  void refusesAnotherVersion() {
    expect(Kind.UNSUPPORTED, 0, file -> file.putInt(HEADER, 2));
  }

  @Test
  void refusesPagesOfNoBytesAndOfOtherSizes() {
    expect(Kind.MALFORMED, 4, file -> file.putLong(HEADER + 4, 0));
    expect(Kind.MALFORMED, 4, file -> file.putLong(HEADER + 4, 8192));
  }

  @Test
  void refusesABitmapInWhatWasRead() {
    expect(Kind.MALFORMED, 12, file -> file.putLong(HEADER + 12, BITMAP - 1));
    expect(Kind.MALFORMED, 12, file -> file.putLong(HEADER + 12, 0));
    expect(Kind.MALFORMED, 12, file -> file.putLong(HEADER + 12, -1));
    expect(Kind.MALFORMED, 12, file -> file.putLong(HEADER + 12, Long.MAX_VALUE - 8));
  }

  @Test
  void refusesPagesThatOverlapTheirBitmapOrAreNotAligned() {
    expect(Kind.MALFORMED, 20, file -> file.putLong(HEADER + 20, 0));
    expect(Kind.MALFORMED, 20, file -> file.putLong(HEADER + 20, MIB + 1));
    expect(Kind.MALFORMED, 20, file -> file.putLong(HEADER + 12, MIB - 8));
    expect(Kind.MALFORMED, 20, file -> file.putLong(HEADER + 20, -4096));
    expect(Kind.MALFORMED, 20, file -> file.putLong(HEADER + 20, Long.MAX_VALUE & -4096));
  }

  @Test
  void seesABitmapBehindTheEnd() {
    Consumer<ByteBuffer> header =
        file -> file.putLong(HEADER + 12, 1L << 50).putLong(HEADER + 20, 1L << 51);

    expectAt(Kind.TRUNCATED, (1L << 50) - START, header);
  }

  @Test
  void seesPagesBehindTheEnd() {
    expectAt(
        Kind.TRUNCATED,
        (1L << 50) + 30 * 4096 - START,
        file -> file.putLong(HEADER + 20, 1L << 50));
  }

  @Test
  void refusesABitBehindTheLastPage() {
    expectAt(Kind.MALFORMED, BITMAP + 8 - START, file -> file.put(BITMAP + 15, (byte) 0x80));
  }

  private void expect(Kind kind, int inHeader, Consumer<ByteBuffer> damage) {
    expectAt(kind, HEADER + inHeader - START, damage);
  }

  private void expectAt(Kind kind, long offset, Consumer<ByteBuffer> damage) {
    byte[] damaged = image.clone();
    damage.accept(ByteBuffer.wrap(damaged));
    StreamException e =
        catchThrowableOfType(
            StreamException.class,
            () -> Image.read(MemoryFile.of(damaged), START, Image.blocks(arena, PAGES), 1));
    assertThat(e).as("read all the same").isNotNull();
    assertThat(e.kind()).as(e.getMessage()).isEqualTo(kind);
    assertThat(e.offset()).as(e.getMessage()).isEqualTo(offset);
  }

  @Test
  void isNotReadWhenItEndsEarly() throws Exception {
    for (int length = START; length < BITMAP + 16; length++) {
      expectTruncated(length);
    }
    for (int length = MIB + 30 * 4096; length < image.length; length += 8 * 4001) {
      expectTruncated(length);
    }
    for (int length = image.length - 8; length < image.length; length++) {
      expectTruncated(length);
    }
  }

  private void expectTruncated(int length) {
    StreamException e =
        catchThrowableOfType(
            StreamException.class,
            () ->
                Image.read(
                    MemoryFile.of(Arrays.copyOf(image, length)),
                    START,
                    Image.blocks(arena, PAGES),
                    1));
    assertThat(e).as("%s bytes", length).isNotNull();
    assertThat(e.kind()).as("%s bytes: %s", length, e.getMessage()).isEqualTo(Kind.TRUNCATED);
  }

  /** Random damage to the header, the bitmap and the length: an orderly failure or a whole read. */
  @Test
  void failsInOrderWhateverIsDamaged() {
    Seed seed = Seed.of("HostileImageTest");
    byte[] damaged = image.clone();
    RamBlocks there = Image.blocks(arena, PAGES);
    int refused = 0;
    for (int round = 0; round < 10_000; round++) {
      Random random = seed.random(round);
      System.arraycopy(image, START, damaged, START, BITMAP + 16 - START);
      for (int i = random.nextInt(4); i >= 0; i--) {
        int at = HEADER + random.nextInt(28 + 16);
        damaged[at] =
            (byte) (random.nextBoolean() ? random.nextInt() : damaged[at] ^ 1 << random.nextInt(8));
      }
      try {
        Image.read(MemoryFile.of(damaged), START, there, 1);
      } catch (StreamException | ChannelException e) {
        refused++;
      } catch (RuntimeException | Error e) {
        throw new AssertionError("seed " + seed + ", round " + round, e);
      }
    }
    assertThat(refused).isBetween(5_000, 9_999);
  }
}
