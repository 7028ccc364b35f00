package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.godwit.channel.ram.MappedRamHeader;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Mapped-ram files of QEMU 10.0 that end too early. */
@ExtendWith(Captures.Shared.class)
@Timeout(900)
final class TruncatedMappedRamTest {
  private static final int CUTS_IN_PAGES = 50;

  @TempDir private Path scratch;

  @ParameterizedTest
  @CsvSource({"MAPPED_RAM, 1", "MAPPED_RAM_MULTIFD, 2"})
  void isNoGuest(Mode mode, int lanes, Captures captures) throws Exception {
    byte[] file = captures.of(new Kind(mode, QemuVersion.V10_0)).main().bytes();
    Random random = Seed.of("TruncatedMappedRamTest, " + mode).random();
    try (Arena arena = Arena.ofShared()) {
      RamBlocks blocks = MappedRamFileTest.blocks(arena);
      List<Stretch> stretches = stretches(file, blocks);
      Decoders.mappedRam(blocks, file, file.length, lanes);
      Leaks leaks = Leaks.baseline(scratch);
      for (Stretch stretch : stretches.subList(0, stretches.size() - 1)) {
        int done =
            TruncatedCaptureTest.some(
                stretch.offsets(), random, cut -> expectTruncated(blocks, file, cut, lanes));
        System.out.printf("%s: cut at %d places of %s%n", mode, done, stretch);
      }
      Stretch last = stretches.getLast();
      int end = Structure.endOfSections(file, last.from);
      int done =
          TruncatedCaptureTest.some(
              last.offsets(),
              random,
              cut -> {
                if (cut != end) {
                  expectTruncated(blocks, file, cut, lanes);
                }
              });
      for (int i = 0; i < CUTS_IN_PAGES; i++) {
        expectTruncated(blocks, file, random.nextInt(last.from), lanes);
      }
      leaks.awaitNone();
      System.out.printf("%s: cut at %d places of %s%n", mode, done, last);
    }
  }

  /** What lies between pages. */
  record Stretch(int from, int to) {
    List<Integer> offsets() {
      return new ArrayList<>(IntStream.range(from, to).boxed().toList());
    }
  }

  /** Up to the first block's pages, between those of two blocks, and behind the last. */
  static List<Stretch> stretches(byte[] file, RamBlocks blocks) throws Exception {
    List<Stretch> stretches = new ArrayList<>();
    int from = 0;
    for (Decoders.MappedBlock block : Decoders.mappedBlocks(file, blocks)) {
      MappedRamHeader header = block.header();
      RamBlock memory = block.block();
      int bitmapEnd = (int) (header.bitmapOffset() + header.bitmapBytes(memory.lengthBytes()));
      stretches.add(new Stretch(from, bitmapEnd));
      from = (int) (header.pagesOffset() + memory.lengthBytes());
    }
    stretches.add(new Stretch(from, file.length));
    return stretches;
  }

  private static void expectTruncated(RamBlocks blocks, byte[] file, int cut, int lanes) {
    Throwable thrown = catchThrowable(() -> Decoders.mappedRam(blocks, file, cut, lanes));
    assertThat(thrown).as("cut at %d", cut).isInstanceOf(StreamException.class);
    StreamException e = (StreamException) thrown;
    assertThat(e.kind())
        .as("cut at %d of %d: %s", cut, file.length, e)
        .isEqualTo(StreamException.Kind.TRUNCATED);
    assertThat(e.offset()).as("cut at %d: %s", cut, e).isBetween(0L, (long) file.length);
  }
}
