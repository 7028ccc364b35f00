package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.godwit.channel.image.GuestImage;
import dev.godwit.channel.multifd.MultifdException;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamDestination;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.ram.RamWord;
import dev.godwit.channel.returnpath.ReturnPathMessage;
import dev.godwit.channel.returnpath.ReturnPathReader;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.channel.stream.VmDescription;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.lab.stream.RecordCopier.Place;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.testkit.ArrayChannel;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Mutant;
import dev.godwit.transport.testkit.Seed;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What real QEMUs wrote, damaged at random: every decoder refuses it as a stream, or reads
 * something that it writes again just so. 10,000 mutants a decoder, those of main channels shared
 * out among the captures.
 */
@ExtendWith(Captures.Shared.class)
@Timeout(300)
final class DamagedCaptureTest {
  private static final boolean FULL = Boolean.getBoolean("godwit.full");
  private static final int MUTANTS = 10_000;
  private static final int LEAST = 50;
  private static final int MOST_ENCODED_PAGES = 20;
  private static final byte[] EOS = {0, 0, 0, 0, 0, 0, 0, 0x10};

  /** A busy machine does fewer, but for {@code -Dgodwit.full=true}. */
  private static final Duration BUDGET = Duration.ofSeconds(FULL ? 30 : 3);

  @TempDir private Path scratch;

  /** Reads a mutant; what it claims to have read, it has to be able to write. */
  @FunctionalInterface
  private interface Decoding<T> {
    void decode(T mutant) throws IOException;
  }

  /** Makes a mutant. */
  @FunctionalInterface
  private interface Mutating<T> {
    T mutant(Random random);
  }

  private <T> void bear(String decoder, int mutants, Mutating<T> mutating, Decoding<T> decoding)
      throws IOException {
    Seed seed = Seed.of(decoder);
    Leaks leaks = Leaks.baseline(scratch);
    long end = System.nanoTime() + BUDGET.toNanos();
    int refused = 0;
    int done = 0;
    for (; done < mutants && (done < LEAST || System.nanoTime() - end < 0); done++) {
      T mutant = mutating.mutant(seed.random(done));
      try {
        decoding.decode(mutant);
      } catch (StreamException e) {
        refused++;
        assertThat(e.offset()).as("mutant %d of seed %s: %s", done, seed, e).isNotNegative();
      } catch (ChannelException.EndedEarly | ChannelException.Violated e) {
        refused++;
      } catch (IOException | RuntimeException | Error e) {
        fail(decoder + ", mutant " + done + " of seed " + seed, e);
      }
    }
    leaks.awaitNone();
    System.out.printf("%s: %d mutants, %d refused%n", decoder, done, refused);
    assertThat(refused).as("refused of %d", done).isPositive();
  }

  static List<Kind> kinds() {
    return TruncatedCaptureTest.kinds().toList();
  }

  static List<Kind> images() {
    return TruncatedCaptureTest.images().toList();
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void isCopiedToTheByteOrRefused(Kind kind, Captures captures) throws Exception {
    bear(
        "Copy of " + kind,
        share(kinds()),
        mutating(Structure.shortened(captures.of(kind).main().bytes())),
        mutant -> {
          Decoders.Copied copied = Decoders.copy(mutant, mutant.length);
          byte[] read = Arrays.copyOf(mutant, copied.length());
          assertThat(Arrays.mismatch(copied.bytes(), read)).as("first difference").isEqualTo(-1);
        });
  }

  @ParameterizedTest
  @MethodSource("images")
  void isAGuestThatCanBeWrittenOrRefused(Kind kind, Captures captures) throws Exception {
    bear(
        "Guest of " + kind,
        share(images()),
        mutating(Structure.shortened(captures.of(kind).main().bytes())),
        mutant ->
            Decoders.image(mutant, mutant.length, DamagedCaptureTest::expectSameAfterWriting));
  }

  private static int share(List<Kind> among) {
    return Math.ceilDiv(MUTANTS, among.size());
  }

  /** Damage falls on records and frames more often than on what they carry. */
  private static Mutating<byte[]> mutating(Structure main) {
    byte[] bytes = main.bytes();
    List<Integer> head = main.head();
    List<Integer> devices = main.devices();
    List<Integer> description = main.description();
    return random ->
        Mutant.of(
            bytes,
            random,
            (same, length) ->
                switch (random.nextInt(8)) {
                  case 0, 1, 2, 3 -> head.get(random.nextInt(head.size()));
                  case 4, 5 -> devices.get(random.nextInt(devices.size()));
                  case 6 ->
                      description.isEmpty()
                          ? random.nextInt(length)
                          : description.get(random.nextInt(description.size()));
                  default -> random.nextInt(length);
                });
  }

  private static void expectSameAfterWriting(GuestImage image) throws IOException {
    byte[] again = Decoders.write(image);
    Decoders.image(again, again.length, same -> ImageTest.expectSame(same, image));
  }

  static Stream<Kind> encoded() {
    return Mode.kinds().filter(kind -> kind.mode() == Mode.XBZRLE || kind.mode() == Mode.COMPRESS);
  }

  /** Pages that came as differences or compressed, and hardly anything else. */
  @ParameterizedTest
  @MethodSource("encoded")
  void hasEncodedPagesOrIsRefused(Kind kind, Captures captures) throws Exception {
    byte[] main = captures.of(kind).main().bytes();
    int table = Decoders.tableAt(main);
    int tableBytes = Decoders.tableBytes(main);
    ByteArrayOutputStream bodies = new ByteArrayOutputStream();
    bodies.write(main, table, tableBytes);
    bodies.writeBytes(EOS);
    int pages = 0;
    for (Place page : Decoders.copy(main, main.length).pages()) {
      boolean named = !page.canBeLeftOut();
      if (pages < MOST_ENCODED_PAGES && (named || page.isEncoded())) {
        bodies.write(main, page.start(), page.end() - page.start());
        pages += page.isEncoded() ? 1 : 0;
      }
    }
    bodies.writeBytes(EOS);
    byte[] sample = bodies.toByteArray();
    assertThat(pages).as("encoded pages").isPositive();
    try (Arena arena = Arena.ofConfined()) {
      RamDestination memory = RamDestination.of(Decoders.blocks(main, arena));
      bear(
          "Pages of " + kind,
          Math.ceilDiv(MUTANTS, kind.mode() == Mode.XBZRLE ? 2 : 1),
          random ->
              Mutant.of(
                  sample,
                  random,
                  (same, length) -> random.nextInt(tableBytes, Math.max(tableBytes + 1, length))),
          mutant -> Decoders.records(mutant, 2, memory));
    }
  }

  static List<Kind> multifds() {
    return Mode.kinds().filter(kind -> kind.mode().multifdChannels() > 0).toList();
  }

  @ParameterizedTest
  @MethodSource("multifds")
  void isAMultifdChannelOrRefused(Kind kind, Captures captures) throws Exception {
    Capture capture = captures.of(kind);
    MultifdStructure channel =
        MultifdStructure.of(capture.connection("multifd 0").bytes()).shortened();
    MultifdSettings settings = Decoders.settings(kind, 1);
    List<Integer> headers = channel.outsidePages();
    try (Arena arena = Arena.ofShared()) {
      RamBlocks blocks = Decoders.blocks(capture.main().bytes(), arena);
      bear(
          "Channel of " + kind,
          MUTANTS / QemuVersion.values().length,
          random ->
              Mutant.of(
                  channel.bytes(),
                  random,
                  (same, length) ->
                      random.nextInt(4) == 0
                          ? random.nextInt(length)
                          : headers.get(random.nextInt(headers.size()))),
          mutant -> readChannel(settings, blocks, mutant, channel.syncs()));
    }
  }

  private static void readChannel(
      MultifdSettings settings, RamBlocks blocks, byte[] mutant, int syncs) throws IOException {
    try {
      Decoders.multifd(settings, blocks, ArrayChannel.of(mutant), syncs);
    } catch (MultifdException e) {
      throw e.getCause() instanceof IOException why ? why : e;
    }
  }

  @ParameterizedTest
  @CsvSource({"MAPPED_RAM, 1", "MAPPED_RAM_MULTIFD, 2"})
  void isAMappedRamFileOrRefused(Mode mode, int lanes, Captures captures) throws Exception {
    byte[] file = captures.of(new Kind(mode, QemuVersion.V10_0)).main().bytes();
    try (Arena arena = Arena.ofShared()) {
      RamBlocks blocks = MappedRamFileTest.blocks(arena);
      int[] places =
          TruncatedMappedRamTest.stretches(file, blocks).stream()
              .flatMapToInt(stretch -> stretch.offsets().stream().limit(200).mapToInt(at -> at))
              .toArray();
      bear(
          "File of " + mode,
          MUTANTS / 2,
          random -> new Patch(places[random.nextInt(places.length)], (byte) random.nextInt()),
          patch -> {
            byte before = file[patch.at];
            file[patch.at] = patch.value;
            try {
              Decoders.mappedRam(blocks, file, file.length, lanes);
            } finally {
              file[patch.at] = before;
            }
          });
    }
  }

  /** Damage to a file that is too long to be copied each time. */
  private record Patch(int at, byte value) {}

  /** What reads one frame and can write it again. */
  @FunctionalInterface
  private interface Frame {
    void copy(StreamInput in, StreamOutput out) throws IOException;
  }

  /** Where its bytes end, the mutant is as long as what was read of it. */
  private void bearFrame(String decoder, byte[] sample, Frame frame) throws IOException {
    bear(
        decoder,
        MUTANTS,
        random -> Mutant.of(sample, random),
        mutant -> {
          ArrayChannel to = ArrayChannel.of(new byte[0]);
          try (StreamInput in = new StreamInput(ArrayChannel.of(mutant), "main", 512);
              StreamOutput out = new StreamOutput(to, 512)) {
            frame.copy(in, out);
            out.flush();
            assertThat(to.written()).isEqualTo(Arrays.copyOf(mutant, (int) in.offset()));
          }
        });
  }

  @ParameterizedTest
  @EnumSource
  void hasAConfigurationOrIsRefused(QemuVersion version, Captures captures) throws Exception {
    byte[] main = captures.of(new Kind(Mode.PLAIN, version)).main().bytes();
    bearFrame(
        "Configuration of " + version,
        Arrays.copyOfRange(main, 8, 64),
        (in, out) -> Configuration.read(in).write(out));
  }

  @ParameterizedTest
  @EnumSource
  void hasABlockTableOrIsRefused(QemuVersion version, Captures captures) throws Exception {
    byte[] main = captures.of(new Kind(Mode.PLAIN, version)).main().bytes();
    int table = Decoders.tableAt(main);
    bearFrame(
        "Block table of " + version,
        Arrays.copyOfRange(main, table, table + 256),
        (in, out) -> {
          long word = in.u64();
          if (RamWord.flags(word, Decoders.PAGE_BYTES) != RamWord.MEM_SIZE) {
            throw in.malformed(0, "This is another record");
          }
          RamTable.read(
                  in,
                  RamWord.address(word, Decoders.PAGE_BYTES),
                  RamTable.Layout.plain(Decoders.PAGE_BYTES),
                  entry -> {})
              .write(out);
        });
  }

  @ParameterizedTest
  @EnumSource
  void hasADescriptionOrIsRefused(QemuVersion version, Captures captures) throws Exception {
    byte[] main = captures.of(new Kind(Mode.PLAIN, version)).main().bytes();
    bearFrame(
        "Description of " + version,
        Arrays.copyOfRange(main, Structure.endOfSections(main, 0), main.length),
        (in, out) -> {
          VmDescription description = VmDescription.read(in);
          description.parse();
          description.write(out);
        });
  }

  @ParameterizedTest
  @EnumSource
  void isAnsweredOrRefused(QemuVersion version, Captures captures) throws Exception {
    bearFrame(
        "Return path of " + version,
        captures.of(new Kind(Mode.POSTCOPY, version)).main().answers(),
        (in, out) -> {
          ReturnPathReader reader = new ReturnPathReader(in, 1 << 20);
          for (Optional<ReturnPathMessage> next = reader.next();
              next.isPresent();
              next = reader.next()) {
            next.get().write(out);
          }
        });
  }
}
