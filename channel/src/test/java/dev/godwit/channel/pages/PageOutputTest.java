package dev.godwit.channel.pages;

import dev.godwit.channel.multifd.Dialect;
import dev.godwit.channel.multifd.MultifdCompression;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.transport.testkit.Seed;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Memory arrives whichever way it takes, and is counted. */
@Timeout(60)
final class PageOutputTest {

  static Stream<Arguments> wholeWays() {
    MultifdSettings recent = MultifdSettings.of(Dialect.V10_0, 3);
    List<Optional<MultifdSettings>> ways =
        List.of(
            Optional.empty(),
            Optional.of(MultifdSettings.of(Dialect.V7_2, 2)),
            Optional.of(recent),
            Optional.of(recent.withZeroPagesOnMain()));
    List<Arguments> all = new ArrayList<>();
    for (Optional<MultifdSettings> way : ways) {
      all.add(Arguments.of(way, "placement=inline"));
      all.add(Arguments.of(way, "placement=direct"));
    }
    return all.stream();
  }

  static Stream<Arguments> ways() {
    Optional<MultifdSettings> zstd =
        Optional.of(MultifdSettings.of(Dialect.V10_0, 3).with(MultifdCompression.ZSTD, 1));
    return Stream.concat(
        wholeWays(),
        Stream.of(Arguments.of(zstd, "placement=inline"), Arguments.of(zstd, "placement=direct")));
  }

  @ParameterizedTest
  @MethodSource("ways")
  void memoryArrivesAsItIsInTheLastPass(Optional<MultifdSettings> multifd, String placement)
      throws Exception {
    Seed seed = Seed.of("PageOutputTest " + multifd + " " + placement);
    for (int round = 0; round < 3; round++) {
      Random random = seed.random(round);
      try (Arena arena = Arena.ofShared()) {
        RamBlocks blocks =
            new RamBlocks(
                List.of(
                    Transfer.block(arena, "pc.ram", 300, 4096),
                    Transfer.block(arena, "vga.vram", 1 + random.nextInt(40), 4096)));
        new Transfer(blocks, false, multifd, random).run(placement + "&seed=" + random.nextInt());
      }
    }
  }

  /** Of 4 KiB, 64 KiB and 2 MiB, as many as go into a packet, fewer than one, and more. */
  @ParameterizedTest
  @MethodSource("wholeWays")
  void hugePagesArriveWhole(Optional<MultifdSettings> multifd, String placement) throws Exception {
    Seed seed = Seed.of("PageOutputTest, huge, " + multifd + " " + placement);
    Random random = seed.random();
    try (Arena arena = Arena.ofShared()) {
      RamBlocks blocks =
          new RamBlocks(
              List.of(
                  Transfer.block(arena, "pc.bios", 40, 4096),
                  Transfer.block(arena, "mem0", 40, 65_536),
                  Transfer.block(arena, "mem1", 3, 2 << 20)));
      new Transfer(blocks, true, multifd, random).run(placement + "&seed=" + random.nextInt());
    }
  }
}
