package dev.godwit.channel.ram;

import static dev.godwit.channel.ram.RandomGuest.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.support.Ends;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Task;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Sends a random guest in several passes, with changes between them, and compares what arrived. The
 * byte before each section says that there is one.
 */
final class RamTransfer {
  private final Random random;
  private final RamDialect dialect;
  private final List<PageEncoding> encodings;
  private final int passes;
  private final boolean flushMarks;

  RamTransfer(
      Random random,
      RamDialect dialect,
      List<PageEncoding> encodings,
      int passes,
      boolean flushMarks) {
    this.random = random;
    this.dialect = dialect;
    this.encodings = encodings;
    this.passes = passes;
    this.flushMarks = flushMarks;
  }

  /**
   * Runs it over {@code mem:}.
   *
   * @return pages by encoding, as they were read
   */
  Map<String, Long> run(String settings) throws Exception {
    try (Ends ends = Ends.open(settings)) {
      return run(ends);
    }
  }

  /** Runs it over a connection, from the end that dialled to the other. */
  Map<String, Long> run(Ends ends) throws Exception {
    try (Arena arena = Arena.ofShared()) {
      RandomGuest guest = new RandomGuest(random, arena);
      Task<Map<String, Long>> source = Task.start("source", () -> send(guest, ends.dialled()));
      Task<Map<String, Long>> destination =
          Task.start("destination", () -> receive(guest, source, ends.accepted()));
      return destination.result();
    }
  }

  private Map<String, Long> send(RandomGuest guest, Channel channel) throws Exception {
    try (StreamOutput out = new StreamOutput(channel, 4096 + random.nextInt(100_000));
        RamRegions regions = new RamRegions(guest.blocks(), channel.info().peer(), Access.LOCAL);
        RamSectionWriter writer =
            RamSectionWriter.placing(
                out,
                channel,
                guest.blocks(),
                PageUnits.target(PAGE),
                encodings,
                regions,
                Await.LIMIT)) {
      out.u8(1);
      writer.table(RamTable.of(guest.blocks()));
      writer.endSection();
      for (int pass = 0; pass < passes; pass++) {
        out.u8(1);
        for (RandomGuest.Place place : pass == 0 ? guest.all() : guest.change()) {
          writer.page(place.block(), place.offset());
          if (random.nextInt(100) == 0) {
            writer.endSection();
            out.u8(1);
          }
        }
        if (flushMarks) {
          writer.flushMark();
        }
        writer.endSection();
        writer.endPass();
      }
      out.u8(0);
      out.flush();
      channel.settle();
      return writer.pages();
    }
  }

  private Map<String, Long> receive(RandomGuest guest, Task<?> source, Channel channel)
      throws Exception {
    try (StreamInput in = new StreamInput(channel, "main", 600 + random.nextInt(100_000));
        RamImage image = new RamImage(1 << 30, PAGE, channel.info().peer());
        RamSectionReader reader =
            new RamSectionReader(
                in,
                channel,
                dialect,
                RamTable.Layout.plain(PAGE),
                image,
                RamSectionReader.Marks.NONE)) {
      while (in.u8() == 1) {
        reader.readSection();
      }
      assertThat(source.result()).isNotNull();
      guest.assertSameAs(image.blocks().orElseThrow());
      return reader.pages();
    }
  }
}
