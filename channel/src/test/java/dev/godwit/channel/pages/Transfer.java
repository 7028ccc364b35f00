package dev.godwit.channel.pages;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.identity.Arrivals;
import dev.godwit.channel.multifd.MultifdSender;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.ram.PageEncodings;
import dev.godwit.channel.ram.PageUnits;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamDestination;
import dev.godwit.channel.ram.RamDialect;
import dev.godwit.channel.ram.RamImage;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.channel.ram.RamSectionReader;
import dev.godwit.channel.ram.RamSectionWriter;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.support.ChannelReader;
import dev.godwit.transport.support.Closing;
import dev.godwit.transport.support.Ending;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Threads;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;

/**
 * Sends random memory in several passes with changes between them, the last of them in the END
 * section, and compares what arrived. The byte before each section says that there is one.
 */
final class Transfer {
  static final int PAGE = 4096;
  private static final int PASSES = 3;
  private static final long MAIN = 0x5145_564D_0000_0003L;
  private static final Transports TRANSPORTS = Transports.load();

  private final RamBlocks blocks;
  private final boolean whole;
  private final Optional<MultifdSettings> multifd;
  private final Random random;
  private long sentBytes;

  /**
   * @param whole whether each block travels in its own pages
   * @param multifd of both sides, if they have it on
   */
  Transfer(RamBlocks blocks, boolean whole, Optional<MultifdSettings> multifd, Random random) {
    this.blocks = blocks;
    this.whole = whole;
    this.multifd = whole ? multifd.map(MultifdSettings::withWholePages) : multifd;
    this.random = random;
  }

  static RamBlock block(Arena arena, String name, int pages, int pageBytes) {
    return new RamBlock(name, arena.allocate((long) pages * pageBytes, pageBytes), pageBytes);
  }

  /** Runs it over {@code mem:} with these settings. */
  void run(String settings) throws Exception {
    Endpoint endpoint = Endpoint.parse("mem:" + UUID.randomUUID() + "?" + settings);
    Ending ending = new Ending();
    try (Listener listener = TRANSPORTS.listen(endpoint);
        Dialer dialer = TRANSPORTS.dialer(endpoint);
        Arrivals arrivals =
            new Arrivals(listener, multifd.map(MultifdSettings::channels).orElse(0), ending)) {
      ending.with(dialer::abort);
      Threads.run(() -> send(dialer, ending), () -> receive(arrivals, ending));
      assertThat(ending.cause()).isEmpty();
    }
  }

  private void send(Dialer dialer, Ending ending) throws Exception {
    List<AutoCloseable> opened = new ArrayList<>();
    try {
      Channel main = dialer.dial(soon());
      opened.add(main);
      StreamOutput out = new StreamOutput(main, 512);
      opened.add(out);
      out.u64(MAIN);
      out.flush();
      RamRegions regions = new RamRegions(blocks, dialer.peer(), Access.LOCAL);
      opened.add(regions);
      RamSectionWriter ram =
          RamSectionWriter.placing(
              out,
              main,
              blocks,
              new PageUnits(PAGE, whole),
              PageEncodings.usual(),
              regions,
              Await.LIMIT);
      opened.add(ram);
      PageOutput pages = new PageOutput.Recorded(ram);
      if (multifd.isPresent()) {
        MultifdSender sender = new MultifdSender(multifd.get(), regions, soon(), ending::abort);
        opened.add(sender);
        for (int id = 0; id < multifd.get().channels(); id++) {
          sender.add(dialer.dial(soon()));
        }
        pages =
            new PageOutput.Multifd(
                blocks, ram, sender, multifd.get(), !multifd.get().zeroPagesInPackets());
      }
      send(out, pages);
      main.barrier();
    } finally {
      Closing.all(opened.reversed());
    }
  }

  private void send(StreamOutput out, PageOutput pages) throws Exception {
    out.u8(1);
    pages.begin(whole ? RamTable.whole(blocks) : RamTable.of(blocks));
    for (int pass = 0; pass < PASSES; pass++) {
      out.u8(1);
      pass(pages);
      pages.endPass();
    }
    out.u8(1);
    pass(pages);
    pages.end();
    out.u8(0);
    out.flush();
    assertThat(pages.normalBytes()).isPositive();
    assertThat(pages.zeroBytes()).isPositive();
    assertThat(pages.normalBytes() + pages.zeroBytes()).isEqualTo(sentBytes);
  }

  private void pass(PageOutput pages) throws Exception {
    for (int number = 0; number < blocks.all().size(); number++) {
      RamBlock block = blocks.all().get(number);
      int unit = pages.pageBytes(number);
      assertThat(unit).isEqualTo(whole ? block.pageBytes() : PAGE);
      for (long at = 0; at < block.lengthBytes(); at += unit) {
        if (random.nextInt(3) > 0) {
          change(block.memory().asSlice(at, unit));
          pages.page(number, at);
          sentBytes += unit;
        }
      }
    }
  }

  private void change(MemorySegment page) {
    page.fill((byte) 0);
    int length = (int) page.byteSize();
    switch (random.nextInt(3)) {
      case 0 -> {}
      case 1 -> page.set(ValueLayout.JAVA_BYTE, random.nextInt(length), (byte) 1);
      default -> Io.fill(page, 0, Io.bytes(random, length));
    }
  }

  private void receive(Arrivals arrivals, Ending ending) throws Exception {
    List<AutoCloseable> opened = new ArrayList<>();
    try {
      ChannelReader reader = arrivals.awaitMain();
      Channel main = reader.channel();
      opened.add(main);
      ending.with(main::abort);
      StreamInput in = new StreamInput(reader, "main", 512);
      opened.add(in);
      assertThat(in.u64()).isEqualTo(MAIN);
      RamImage image = new RamImage(1 << 30, PAGE, main.info().peer());
      opened.add(image);
      RamDestination memory = image;
      RamSectionReader.Marks marks = RamSectionReader.Marks.NONE;
      Optional<MultifdInput> input =
          multifd.map(settings -> new MultifdInput(settings, arrivals, ending));
      if (input.isPresent()) {
        opened.add(input.get());
        marks = input.get().marks();
        memory = input.get().destination(image, () -> image.regions().orElseThrow());
      }
      RamTable.Layout layout = whole ? RamTable.Layout.whole(PAGE) : RamTable.Layout.plain(PAGE);
      RamSectionReader ram = new RamSectionReader(in, main, RamDialect.ANY, layout, memory, marks);
      opened.add(ram);
      while (in.u8() == 1) {
        ram.readSection();
      }
      if (input.isPresent()) {
        input.get().finish();
        assertThat(input.get().channels()).hasSize(multifd.orElseThrow().channels());
        assertThat(input.get().guest()).contains(MultifdSettings.NO_GUEST);
      }
      main.barrier();
      compare(image.blocks().orElseThrow());
    } catch (Exception | AssertionError e) {
      ending.abort(e);
      throw e;
    } finally {
      Closing.all(opened.reversed());
    }
  }

  private void compare(RamBlocks there) {
    for (RamBlock block : blocks.all()) {
      RamBlock other = there.named(block.name()).orElseThrow();
      assertThat(other.pageBytes()).isEqualTo(whole ? block.pageBytes() : PAGE);
      MemorySegment arrived = other.memory();
      assertThat(block.memory().mismatch(arrived))
          .as("first difference in %s", block)
          .isEqualTo(-1);
    }
  }

  static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }
}
