package dev.godwit.channel.multifd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.ram.Dawdling;
import dev.godwit.channel.ram.EncodingRules.Pair;
import dev.godwit.channel.ram.PageEncoding;
import dev.godwit.channel.ram.PageEncoding.Surroundings;
import dev.godwit.channel.ram.PageEncodings;
import dev.godwit.channel.ram.PageUnits;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamDestination;
import dev.godwit.channel.ram.RamDialect;
import dev.godwit.channel.ram.RamSectionReader;
import dev.godwit.channel.ram.RamSectionWriter;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Threads;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Pages go over the main channel as records or over multifd channels as it happens, and over
 * another way in each pass, to readers that come late: RAM is equal in the end. The byte before
 * each section of the main channel says that there is one.
 */
final class MixedTransferTest {
  private static final int PAGE = Bench.PAGE;
  private static final int PASSES = 4;

  static Stream<Arguments> cells() {
    List<Arguments> cells = new ArrayList<>();
    for (Dialect dialect : Dialect.values()) {
      for (MultifdCompression compression : MultifdCompression.values()) {
        for (String placement : new String[] {"inline", "direct"}) {
          cells.add(Arguments.of(dialect, compression, placement));
        }
      }
    }
    return cells.stream();
  }

  @ParameterizedTest
  @MethodSource("cells")
  void ramIsEqualWhicheverWayAPageTook(
      Dialect dialect, MultifdCompression compression, String placement) throws Exception {
    Seed seed = Seed.of("Mixed, " + dialect + ", " + compression + ", " + placement);
    for (int channels : new int[] {1, 3, 8}) {
      MultifdSettings settings = MultifdSettings.of(dialect, channels).with(compression, 1);
      Random random = seed.random(channels);
      String mem =
          "placement=" + placement + "&seed=" + seed + "&buffer=" + (64 << random.nextInt(12));
      try (Bench bench = new Bench(mem)) {
        long[] taken = migrate(bench, settings, random);
        assertThat(bench.difference()).as("%d channels, seed %s", channels, seed).isEmpty();
        assertThat(taken).as("pages over multifd, and on the main channel").doesNotContain(0);
      }
    }
  }

  private static long[] migrate(Bench bench, MultifdSettings settings, Random random)
      throws Exception {
    Random content = new Random(random.nextLong());
    Random late = new Random(random.nextLong());
    long[] taken = new long[2];
    try (MultifdSender sender =
            new MultifdSender(settings, bench.from(), Bench.soon(), failure -> {});
        MultifdReceiver receiver =
            new MultifdReceiver(
                settings, bench.there(), bench.to(), Optional.empty(), failure -> {})) {
      for (int id = 0; id < settings.channels(); id++) {
        sender.add(bench.dial());
        receiver.add(new Dawdling(bench.accept(), new Random(late.nextLong())));
      }
      Threads.run(
          () -> taken[1] = send(bench, settings.dialect(), sender, content),
          () -> receive(bench, settings.dialect(), receiver, late));
      taken[0] = sender.normalPages() + sender.zeroPages();
      return taken;
    }
  }

  /** What is written on the main channel beside multifd. */
  private static List<PageEncoding> encodings() {
    return PageEncodings.all().stream()
        .filter(one -> new Pair(one, Surroundings.MULTIFD).refusal().isEmpty())
        .toList();
  }

  private static long send(Bench bench, Dialect dialect, MultifdSender sender, Random content)
      throws IOException {
    try (StreamOutput main = new StreamOutput(bench.mainOut(), 512);
        RamSectionWriter ram =
            RamSectionWriter.placing(
                main,
                bench.mainOut(),
                bench.here(),
                PageUnits.target(PAGE),
                encodings(),
                bench.from(),
                Await.LIMIT)) {
      main.u8(1);
      ram.table(RamTable.of(bench.here()));
      endSection(dialect, sender, ram);
      for (int pass = 0; pass < PASSES; pass++) {
        main.u8(1);
        pass(bench, sender, ram, content);
        if (dialect == Dialect.V10_0) {
          sender.sync();
          ram.flushMark();
        }
        endSection(dialect, sender, ram);
        ram.endPass();
      }
      main.u8(0);
      main.flush();
      sender.finish();
      return ram.pages().values().stream().mapToLong(pages -> pages).sum();
    }
  }

  private static void pass(Bench bench, MultifdSender sender, RamSectionWriter ram, Random content)
      throws IOException {
    for (int number = 0; number < bench.here().all().size(); number++) {
      RamBlock block = bench.here().all().get(number);
      for (long at = 0; at < block.lengthBytes(); at += PAGE) {
        if (content.nextInt(3) == 0) {
          continue;
        }
        change(block.memory().asSlice(at, PAGE), content);
        if (content.nextBoolean()) {
          sender.send(block, at);
        } else {
          ram.page(number, at);
        }
      }
    }
  }

  private static void change(MemorySegment page, Random content) {
    page.fill((byte) 0);
    switch (content.nextInt(3)) {
      case 0 -> {}
      case 1 -> page.set(ValueLayout.JAVA_BYTE, content.nextInt(PAGE), (byte) 1);
      default -> Io.fill(page, 0, Io.bytes(content, PAGE));
    }
  }

  /** Where 7.2 has its mark. */
  private static void endSection(Dialect dialect, MultifdSender sender, RamSectionWriter ram)
      throws IOException {
    if (dialect == Dialect.V7_2) {
      sender.sync();
    }
    ram.endSection();
  }

  private static void receive(Bench bench, Dialect dialect, MultifdReceiver receiver, Random late)
      throws IOException {
    Channel channel = new Dawdling(bench.mainIn(), late);
    try (StreamInput main = new StreamInput(channel, "main", 512);
        RamSectionReader ram =
            new RamSectionReader(
                main,
                channel,
                RamDialect.ANY,
                RamTable.Layout.plain(PAGE),
                RamDestination.of(bench.there(), bench.to()),
                new SyncMarks(dialect, receiver))) {
      while (main.u8() == 1) {
        ram.readSection();
      }
      receiver.finish();
    }
  }

  /** Lets the multifd channels go on where the dialect has its marks. */
  private record SyncMarks(Dialect dialect, MultifdReceiver receiver)
      implements RamSectionReader.Marks {
    @Override
    public void flush(long offset) throws ChannelException, StreamException {
      if (dialect == Dialect.V10_0) {
        sync();
      }
    }

    @Override
    public void end(long offset) throws ChannelException, StreamException {
      if (dialect == Dialect.V7_2) {
        sync();
      }
    }

    private void sync() throws ChannelException {
      try {
        receiver.awaitSync(Bench.soon());
      } catch (MultifdException e) {
        throw new ChannelException.Aborted("The multifd channels failed", e);
      }
    }
  }
}
