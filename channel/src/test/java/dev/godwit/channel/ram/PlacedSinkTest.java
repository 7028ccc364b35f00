package dev.godwit.channel.ram;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.support.Ends;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;

final class PlacedSinkTest {
  private static final int PAGE = 4096;
  private static final int PAGES = 300;

  /** The peer's placer takes its time, so a copy that is overwritten too early lands wrong. */
  @Test
  void usesThePlaceOfACopyAgainOnlyOnceItHasLanded() throws Exception {
    Seed seed = Seed.of("PlacedSinkTest");
    try (Ends ends = Ends.open("placement=direct&seed=" + seed.value());
        Arena arena = Arena.ofShared()) {
      Channel channel = ends.dialled();
      MemorySegment here = arena.allocate((long) PAGES * PAGE);
      MemorySegment there = arena.allocate((long) PAGES * PAGE);
      Io.fill(here, 0, Io.bytes(seed.random(), PAGES * PAGE));
      RamBlocks blocks = new RamBlocks(List.of(new RamBlock("pc.ram", here, PAGE)));
      ends.accepted().info().peer().register("pc.ram", there, Access.REMOTE_WRITE);
      try (StreamOutput out = new StreamOutput(channel);
          RamRegions regions = new RamRegions(blocks, channel.info().peer(), Access.LOCAL);
          PlacedSink sink =
              new PlacedSink(blocks, PageUnits.target(PAGE), channel, regions, 8, Await.LIMIT)) {
        for (long offset = 0; offset < here.byteSize(); offset += PAGE) {
          assertThat(sink.copyOf(here, offset).mismatch(here.asSlice(offset, PAGE))).isEqualTo(-1);
          sink.sendCopy(out, 0, offset);
        }
        channel.settle();
      }
      assertThat(there.mismatch(here)).isEqualTo(-1);
    }
  }
}
