package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.godwit.channel.multifd.MultifdException;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.lab.stream.MultifdStructure.Packet;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.testkit.ArrayChannel;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Multifd channels of real QEMUs: read together with their main channel they are the memory that
 * QEMU saved, and if one of them ends too early the migration fails, with the place.
 */
@ExtendWith(Captures.Shared.class)
@Timeout(300)
final class TruncatedMultifdTest {
  private static final int CUTS_IN_PAGES = 20;
  private static final int PACKETS = 12;

  @TempDir private Path scratch;

  static Stream<Kind> kinds() {
    return Mode.kinds().filter(kind -> kind.mode().multifdChannels() > 0);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void givesTheMemoryThatQemuSaved(Kind kind, Captures captures) throws Exception {
    Capture capture = captures.of(kind);
    try (Arena arena = Arena.ofShared()) {
      RamBlocks blocks = Decoders.blocks(capture.main().bytes(), arena);

      read(kind, blocks, capture.main().bytes(), channels(capture));

      RamBlock ram = blocks.named("pc.ram").orElseThrow();
      assertThat(capture.firstDifference(ram.memory().asByteBuffer())).isEmpty();
    }
  }

  private static List<ArrayChannel> channels(Capture capture) throws IOException {
    List<ArrayChannel> channels = new ArrayList<>();
    for (int id = 0; id < capture.kind().mode().multifdChannels(); id++) {
      channels.add(ArrayChannel.of(capture.connection("multifd " + id).bytes()));
    }
    return channels;
  }

  private static void read(Kind kind, RamBlocks blocks, byte[] main, List<ArrayChannel> channels)
      throws IOException {
    Decoders.multifd(Decoders.settings(kind, channels.size()), blocks, main, channels);
  }

  /** One of two channels ends somewhere, most often at the end of a packet or beside it. */
  @ParameterizedTest
  @MethodSource("kinds")
  void failsWhereverOneOfTwoIsCut(Kind kind, Captures captures) throws Exception {
    Capture capture = captures.of(kind);
    byte[] main = Structure.shortened(capture.main().bytes()).bytes();
    byte[] other = capture.connection("multifd 1").bytes();
    MultifdStructure channel = MultifdStructure.of(capture.connection("multifd 0").bytes());
    Random random = Seed.of("failsWhereverOneOfTwoIsCut, " + kind).random();
    try (Arena arena = Arena.ofShared()) {
      RamBlocks blocks = Decoders.blocks(main, arena);
      Cutting cutting =
          new Cutting(
              channel, cut -> read(kind, blocks, main, List.of(cut, ArrayChannel.of(other))));
      cutting.cut(channel.bytes().length);
      Leaks leaks = Leaks.baseline(scratch);
      for (int i = 0; i < PACKETS; i++) {
        Packet packet = channel.packets().get(random.nextInt(channel.packets().size()));
        cutting.cut(
            switch (random.nextInt(5)) {
              case 0 -> packet.start();
              case 1 -> packet.start() + 1;
              case 2 -> packet.payload();
              case 3 -> packet.end() - 1;
              default -> random.nextInt(packet.start(), packet.end());
            });
      }
      leaks.awaitNone();
    }
  }

  /** A channel's beginning with its first pages, alone. */
  @ParameterizedTest
  @MethodSource("kinds")
  void failsWhereverTheOnlyOneIsCut(Kind kind, Captures captures) throws Exception {
    Capture capture = captures.of(kind);
    byte[] whole = capture.connection("multifd 0").bytes();
    MultifdStructure channel = MultifdStructure.of(whole).shortened();
    Random random = Seed.of("failsWhereverTheOnlyOneIsCut, " + kind).random();
    try (Arena arena = Arena.ofShared()) {
      RamBlocks blocks = Decoders.blocks(capture.main().bytes(), arena);
      Cutting cutting =
          new Cutting(
              channel,
              cut -> Decoders.multifd(Decoders.settings(kind, 1), blocks, cut, channel.syncs()));
      cutting.cut(channel.bytes().length);
      Leaks leaks = Leaks.baseline(scratch);
      List<Integer> cuts = channel.outsidePages();
      int firstPage = channel.firstPage();
      for (int at : cuts) {
        if (at < firstPage) {
          cutting.cut(at);
        }
      }
      cuts.removeIf(at -> at < firstPage);
      int done = TruncatedCaptureTest.some(cuts, random, cutting::cut);
      for (int i = 0; i < CUTS_IN_PAGES; i++) {
        cutting.cut(random.nextInt(firstPage, channel.bytes().length));
      }
      leaks.awaitNone();
      System.out.printf(
          "%s: cut at all %d places before the first page, at %d of %d behind%n",
          kind, firstPage, done, cuts.size());
    }
  }

  /** What reads a migration of which this is one channel. */
  @FunctionalInterface
  private interface Reading {
    void read(ArrayChannel channel) throws IOException;
  }

  /** Reads a migration of which one channel ends early. */
  private record Cutting(MultifdStructure channel, Reading reading) {
    void cut(int at) {
      try {
        reading.read(ArrayChannel.of(channel.bytes(), at));
      } catch (MultifdException e) {
        expectNamed(at, e);
        return;
      } catch (IOException | RuntimeException e) {
        fail("Cut at " + at, e);
      }
      assertThat(at).as("taken for whole").isGreaterThanOrEqualTo(channel.endOfLastSync());
    }

    private void expectNamed(int at, MultifdException e) {
      switch (e.getCause()) {
        case StreamException cut -> {
          assertThat(cut.kind())
              .as("cut at %d: %s", at, cut)
              .isEqualTo(StreamException.Kind.TRUNCATED);
          assertThat(cut.offset()).as("cut at %d: %s", at, cut).isBetween(0L, (long) at);
          assertThat(cut.channel())
              .as("cut at %d: %s", at, cut)
              .isEqualTo(at < MultifdStructure.INIT_BYTES ? "multifd connection 0" : "multifd 0");
        }
        case ChannelException.EndedEarly early -> {
          assertThat(early).hasMessageStartingWith("Channel multifd 0 ended before sync");
          assertThat(channel.isBetweenPackets(at)).as("cut at %d: %s", at, early).isTrue();
        }
        case null, default -> fail("Cut at " + at, e);
      }
    }
  }
}
