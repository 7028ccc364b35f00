package dev.godwit.migration.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.ram.PageEncodings;
import dev.godwit.channel.ram.PageUnits;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamDestination;
import dev.godwit.channel.ram.RamDialect;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.channel.ram.RamSectionReader;
import dev.godwit.channel.ram.RamSectionWriter;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.stream.Command;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.EndOfSections;
import dev.godwit.channel.stream.FileHeader;
import dev.godwit.channel.stream.Section;
import dev.godwit.channel.stream.SectionHeader;
import dev.godwit.channel.stream.SectionHeader.Kind;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamItem;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.channel.stream.StreamReader;
import dev.godwit.channel.stream.StreamWriter;
import dev.godwit.channel.stream.VmDescription;
import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.support.ChannelReader;
import dev.godwit.transport.support.Ends;
import dev.godwit.transport.support.SilentEnds;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A guest goes over a bridge whose sides place memory unseen, or one of them does. */
@Timeout(60)
final class RamBridgeTest {
  private static final int PAGE = 4096;
  private static final int ROUNDS = 6;
  private static final Section RAM = new Section(2, Section.RAM, 0, 4);
  private static final Section DEVICE = new Section(3, "timer", 0, 1);
  private static final byte[] STATE = "the state of a timer".getBytes(StandardCharsets.US_ASCII);

  private static Ends ends(boolean silent, Random random) throws ChannelException {
    return silent
        ? SilentEnds.over(Ends.open("placement=direct&seed=" + random.nextInt()), random)
        : Ends.open("placement=inline");
  }

  private static RamBlocks blocks(Arena arena, Random random) {
    RamBlock big = new RamBlock("pc.ram", arena.allocate(300L * PAGE, PAGE), PAGE);
    RamBlock small = new RamBlock("vga.vram", arena.allocate(7L * PAGE, PAGE), PAGE);
    // What a destination finds before the guest comes must not shine through.
    for (RamBlock block : List.of(big, small)) {
      Io.fill(block.memory(), 0, Io.bytes(random, (int) block.lengthBytes()));
    }
    return new RamBlocks(List.of(big, small));
  }

  @ParameterizedTest
  @CsvSource({"true,false", "false,true", "true,true"})
  void whateverChangedInARoundArrives(boolean silentSource, boolean silentDestination)
      throws Exception {
    Seed seed = Seed.of("RamBridgeTest " + silentSource + " " + silentDestination);
    Random random = seed.random();
    ByteArrayOutputStream seen = new ByteArrayOutputStream();
    try (Arena arena = Arena.ofShared();
        Ends up = ends(silentSource, random);
        Ends down = ends(silentDestination, random)) {
      RamBlocks guest = blocks(arena, random);
      RamBlocks there = blocks(arena, random);
      RamBridge bridge = bridge(up, down, Long.MAX_VALUE, seen);
      Threads.run(
          () -> send(up.dialled(), guest, new Random(random.nextLong())),
          () -> {
            bridge.run();
            bridge.close();
          },
          () -> receive(down.accepted(), there));
      for (int block = 0; block < 2; block++) {
        MemorySegment sent = guest.all().get(block).memory();
        assertThat(there.all().get(block).memory().mismatch(sent)).as("%s", seed).isEqualTo(-1);
      }
      BridgeReport report = bridge.report();
      assertThat(report.ramBytes()).isEqualTo(307L * PAGE);
      assertThat(report.rounds()).isEqualTo(ROUNDS);
      assertThat(report.compares()).isBetween(2L, (long) ROUNDS);
      assertThat(report.downtimeSeconds()).isPositive();
      assertThat(bridge.bytes()).isGreaterThan(report.ramBytes() / 2);
      assertThat(seen.toString(StandardCharsets.ISO_8859_1)).startsWith("QEVM").endsWith("]}");
    }
  }

  @Test
  void aGuestForWhichThereIsNoRoomIsRefusedBeforeAnyMemory() throws Exception {
    Random random = Seed.of("RamBridgeTest, no room").random();
    expectRefused(
        2 * 307 * PAGE - 1,
        out -> begin(out, new RamTable(List.of(new RamTable.Entry("pc.ram", 307L * PAGE)))),
        random,
        "The guest has 1257472 bytes of RAM, which are kept twice on their way, and 2514943 bytes"
            + " may be taken here");
  }

  @Test
  void whatOneSideCannotSayIsRefused() throws Exception {
    Random random = Seed.of("RamBridgeTest, refused").random();
    expectRefused(
        Long.MAX_VALUE,
        out -> {
          StreamWriter writer = StreamWriter.of(out);
          writer.write(new FileHeader());
          writer.write(Configuration.of("pc"));
          writer.write(new Command.PostcopyListen());
        },
        random,
        "The source sends PostcopyListen, and a bridge carries neither postcopy nor COLO");
    expectRefused(
        Long.MAX_VALUE,
        out -> {
          StreamWriter writer = StreamWriter.of(out);
          writer.write(new FileHeader());
          writer.write(
              new Configuration(
                  "pc",
                  OptionalInt.empty(),
                  Optional.of(List.of(Configuration.IGNORE_SHARED)),
                  Optional.empty()));
          writer.write(new EndOfSections());
        },
        random,
        "The source has x-ignore-shared on, which QEMU's own rdma: does not carry");
  }

  @Test
  void aSourceThatEndsInTheMiddleIsNamed() throws Exception {
    Random random = Seed.of("RamBridgeTest, ends").random();
    try (Ends up = ends(true, random);
        Ends down = ends(false, random)) {
      up.dialled().write(ByteBuffer.wrap(new byte[] {'Q', 'E', 'V', 'M', 0}));
      up.dialled().shutdownOutput();
      Pump.Failure failure = failure(up, down, Long.MAX_VALUE);
      assertThat(failure.end()).isEqualTo(Pump.End.READING);
      assertThat(failure.channelFailure()).isInstanceOf(ChannelException.EndedEarly.class);
    }
  }

  @Test
  void aDestinationThatIsLostIsNamed() throws Exception {
    Random random = Seed.of("RamBridgeTest, lost").random();
    try (Arena arena = Arena.ofShared();
        Ends up = ends(true, random);
        Ends down = ends(false, random)) {
      RamBlocks guest = blocks(arena, random);
      down.accepted().abort(new IllegalStateException("The destination has crashed"));
      down.accepted().close();
      Task<Void> sending =
          Task.start(
              "send",
              () -> {
                send(up.dialled(), guest, new Random(1));
                return null;
              });
      assertThat(failure(up, down, Long.MAX_VALUE).end()).isEqualTo(Pump.End.WRITING);
      assertThat(sending.failure()).isNotNull();
    }
  }

  private interface Writing {
    void write(StreamOutput out) throws Exception;
  }

  private static void expectRefused(long free, Writing writing, Random random, String sentence)
      throws Exception {
    try (Ends up = ends(false, random);
        Ends down = ends(true, random);
        StreamOutput out = new StreamOutput(up.dialled())) {
      writing.write(out);
      out.flush();
      Pump.Failure failure = failure(up, down, free);
      assertThat(failure.end()).isEqualTo(Pump.End.READING);
      assertThat(failure.channelFailure())
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageStartingWith(sentence);
    }
  }

  /** What ends a bridge that was to end, in the way its owner has to take it. */
  private static Pump.Failure failure(Ends up, Ends down, long free) throws ChannelException {
    try (RamBridge bridge = bridge(up, down, free, new ByteArrayOutputStream())) {
      try {
        bridge.run();
      } catch (Pump.Failure e) {
        up.accepted().abort(e);
        down.dialled().abort(e);
        return e;
      }
      throw new AssertionError("It did not fail");
    }
  }

  private static RamBridge bridge(Ends up, Ends down, long free, ByteArrayOutputStream seen) {
    ChannelReader reader = new ChannelReader(up.accepted(), 64);
    return new RamBridge(
        reader,
        down.dialled(),
        () -> free,
        buffer -> {
          byte[] bytes = new byte[buffer.remaining()];
          buffer.duplicate().get(bytes);
          seen.writeBytes(bytes);
        });
  }

  // A source.

  private static StreamWriter begin(StreamOutput out, RamTable table) throws ChannelException {
    StreamWriter writer = StreamWriter.of(out);
    writer.write(new FileHeader());
    writer.write(Configuration.of("pc"));
    writer.write(new SectionHeader(Kind.START, RAM));
    table.write(out);
    return writer;
  }

  private static void send(Channel channel, RamBlocks guest, Random random) throws Exception {
    try (StreamOutput out = new StreamOutput(channel);
        RamRegions regions = new RamRegions(guest, channel.info().peer(), Access.LOCAL);
        RamSectionWriter memory =
            RamSectionWriter.placing(
                out,
                channel,
                guest,
                PageUnits.target(PAGE),
                PageEncodings.usual(),
                regions,
                Duration.ofSeconds(20))) {
      StreamWriter writer = StreamWriter.of(out);
      writer.write(new FileHeader());
      writer.write(Configuration.of("pc"));
      writer.write(new SectionHeader(Kind.START, RAM));
      memory.table(RamTable.of(guest));
      memory.endSection();
      writer.endSection();
      for (int round = 0; round < ROUNDS; round++) {
        Kind kind = round == ROUNDS - 1 ? Kind.END : Kind.PART;
        writer.write(new SectionHeader(kind, RAM));
        for (int block = 0; block < 2; block++) {
          sendSome(memory, guest, block, round, random);
        }
        memory.endSection();
        writer.endSection();
      }
      writer.write(new SectionHeader(Kind.FULL, DEVICE));
      out.bytes(STATE);
      writer.endSection();
      writer.write(new EndOfSections());
      writer.write(VmDescription.of("{\"devices\":[]}"));
      writer.flush();
      channel.shutdownOutput();
    }
  }

  /** In the first two rounds all pages, one half each; then some that have changed. */
  private static void sendSome(
      RamSectionWriter memory, RamBlocks guest, int block, int round, Random random)
      throws ChannelException {
    RamBlock from = guest.all().get(block);
    for (int page = 0; page < from.pages(); page++) {
      boolean changes = random.nextInt(10) == 0;
      if (changes) {
        byte[] bytes = random.nextInt(3) == 0 ? new byte[PAGE] : Io.bytes(random, PAGE);
        boolean beginOnly = random.nextBoolean();
        Io.fill(from.memory(), (long) page * PAGE, beginOnly ? Arrays.copyOf(bytes, 1) : bytes);
      }
      // A page of the other half that changes before it is sent needs no word of its own.
      boolean first = round < 2 && page % 2 == round;
      if (first || (changes && (round > 0 || page % 2 == 0))) {
        memory.page(block, (long) page * PAGE);
      }
    }
  }

  // A destination.

  private static void receive(Channel channel, RamBlocks there) throws Exception {
    try (StreamInput in = new StreamInput(channel, "main");
        RamRegions regions = new RamRegions(there, channel.info().peer(), Access.REMOTE_WRITE);
        RamSectionReader memory =
            new RamSectionReader(
                in,
                channel,
                RamDialect.ANY,
                RamTable.Layout.plain(PAGE),
                RamDestination.of(there, regions),
                RamSectionReader.Marks.NONE)) {
      StreamReader reader = StreamReader.of(in);
      ByteArrayOutputStream state = new ByteArrayOutputStream();
      for (Optional<StreamItem> next = reader.next(); next.isPresent(); next = reader.next()) {
        if (next.get() instanceof SectionHeader header) {
          if (header.section().isRam()) {
            reader.body((same, ignored) -> memory.readSection());
          } else {
            reader.bodyUntilFooter(
                piece -> {
                  byte[] part = new byte[piece.remaining()];
                  piece.get(part);
                  state.writeBytes(part);
                });
          }
        }
      }
      assertThat(state.toByteArray()).isEqualTo(STATE);
      assertThat(in.hasMore()).isFalse();
      channel.shutdownOutput();
    }
  }
}
