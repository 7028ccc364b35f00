package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.inspect.DeviceReport;
import dev.godwit.channel.inspect.PageCount;
import dev.godwit.channel.inspect.RamReport;
import dev.godwit.channel.inspect.Share;
import dev.godwit.channel.inspect.StreamInspector;
import dev.godwit.channel.inspect.StreamReport;
import dev.godwit.channel.inspect.Value;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.transport.Channel;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Seed;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What is told of streams of real QEMUs. */
@ExtendWith(Captures.Shared.class)
final class InspectCapturesTest {
  private static final Transports TRANSPORTS = Transports.load();
  private static final int PAGE_BYTES = 4096;
  private static final int CUTS = 100;

  @TempDir private Path directory;

  static Stream<Kind> kinds() {
    return Mode.kinds();
  }

  static Stream<Kind> streams() {
    return Mode.kinds().filter(kind -> kind.mode().layout() != Mode.Layout.FILE);
  }

  static Stream<Kind> files() {
    return Mode.kinds().filter(kind -> kind.mode().layout() == Mode.Layout.FILE);
  }

  private static StreamReport inspect(Path file) throws Exception {
    try (Listener listener = TRANSPORTS.listen(Endpoint.parse("file:" + file));
        Channel channel = listener.accept(Deadline.after(Duration.ofSeconds(10)));
        StreamInput in = new StreamInput(channel, "main")) {
      return StreamInspector.ofRecording(channel, in).inspect();
    }
  }

  private static long sum(StreamReport report) {
    return report.shares().stream().mapToLong(Share::bytes).sum();
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void sizesAddUpToTheFile(Kind kind, Captures captures) throws Exception {
    Path file = captures.of(kind).main().forward();

    StreamReport report = inspect(file);

    assertThat(report.damage()).isEmpty();
    assertThat(report.bytes()).isEqualTo(Files.size(file)).isEqualTo(sum(report));
    assertThat(report.configuration().map(Configuration::machine)).contains(kind.machineType());
    assertThat(report.shares())
        .extracting(Share::part)
        .doesNotContain("not-understood", "behind-the-end");
    long inSections = report.sections().stream().mapToLong(section -> section.bytes()).sum();
    assertThat(inSections).isPositive().isLessThan(report.bytes());
  }

  @ParameterizedTest
  @MethodSource("streams")
  void countsTheRecordsThatASimplerReaderCounts(Kind kind, Captures captures) throws Exception {
    Path file = captures.of(kind).main().forward();
    RecordWalker.Counts counts = RecordWalker.apply(Files.readAllBytes(file)).counts();

    RamReport ram = inspect(file).ram().orElseThrow();

    assertThat(pages(ram.pages(), "zero")).isEqualTo(counts.zero());
    assertThat(pages(ram.pages(), "plain")).isEqualTo(counts.plain());
    assertThat(pages(ram.pages(), "xbzrle")).isEqualTo(counts.xbzrle());
    assertThat(pages(ram.pages(), "compress")).isEqualTo(counts.compressed());
    for (PageCount all : ram.pages()) {
      long inBlocks =
          ram.blocks().stream().mapToLong(block -> pages(block.pages(), all.encoding())).sum();
      assertThat(inBlocks).as(all.encoding()).isEqualTo(all.pages());
    }
    assertThat(ram.snapshot()).isEqualTo(kind.mode() == Mode.BACKGROUND_SNAPSHOT);
  }

  private static long pages(List<PageCount> counts, String encoding) {
    return counts.stream()
        .filter(count -> count.encoding().equals(encoding))
        .mapToLong(PageCount::pages)
        .sum();
  }

  /** One round sends all of a guest that stands still, and more follow where memory changes. */
  @ParameterizedTest
  @MethodSource("streams")
  void toldRoundsAreThoseOfTheMode(Kind kind, Captures captures) throws Exception {
    RamReport ram = inspect(captures.of(kind).main().forward()).ram().orElseThrow();

    switch (kind.mode()) {
      case PLAIN -> {
        assertThat(ram.rounds()).hasSize(1);
        assertThat(ram.rounds().getFirst().pages())
            .isEqualTo(ram.table().totalBytes() / PAGE_BYTES);
      }
      case XBZRLE -> assertThat(ram.rounds().size()).isGreaterThanOrEqualTo(3);
      case COMPRESS, BACKGROUND_SNAPSHOT -> assertThat(ram.rounds()).isEmpty();
      default -> {}
    }
    boolean flushes = kind.mode().multifdChannels() > 0 && kind.version() == QemuVersion.V10_0;
    assertThat(ram.flushMarks() > 1).isEqualTo(flushes);
  }

  @ParameterizedTest
  @MethodSource("files")
  void countsThePagesOfMappedRam(Kind kind, Captures captures) throws Exception {
    Capture capture = captures.of(kind);
    RamReport ram = inspect(capture.main().forward()).ram().orElseThrow();

    RamReport.Block pcRam =
        ram.blocks().stream()
            .filter(block -> block.entry().name().equals("pc.ram"))
            .findFirst()
            .orElseThrow();
    RamReport.Mapped mapped = pcRam.mapped().orElseThrow();
    ByteBuffer memory = capture.guestMemory();
    long outsideHole =
        IntStream.range(0, Capture.MEMORY_MIB << 20 >> 12)
            .filter(page -> !isInHole(page) && !isZero(memory, page))
            .count();
    long hole = (Capture.HOLE_TO - Capture.HOLE_FROM) / PAGE_BYTES;
    assertThat(mapped.pages()).isBetween(outsideHole, outsideHole + hole);
    assertThat(mapped.pages() + mapped.zeroPages())
        .isEqualTo(pcRam.entry().lengthBytes() / PAGE_BYTES);
    assertThat(ram.pages()).isEmpty();
  }

  private static boolean isInHole(int page) {
    return page >= Capture.HOLE_FROM / PAGE_BYTES && page < Capture.HOLE_TO / PAGE_BYTES;
  }

  private static boolean isZero(ByteBuffer memory, int page) {
    return memory.slice(page * PAGE_BYTES, PAGE_BYTES).mismatch(ByteBuffer.allocate(PAGE_BYTES))
        < 0;
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void everyDescribedDeviceIsDecoded(Kind kind, Captures captures) throws Exception {
    StreamReport report = inspect(captures.of(kind).main().forward());

    assertThat(report.devices()).extracting(device -> device.section().name()).contains("cpu");
    if (!kind.mode().described()) {
      assertThat(report.devices()).allMatch(device -> device.inPackage());
      assertThat(report.postcopy().orElseThrow().pagesAfter()).isPositive();
      return;
    }
    assertThat(report.devices()).allMatch(device -> device.state().isPresent());
    assertThat(text(device(report, "globalstate"), "runstate")).startsWith("paused");
    assertThat(device(report, "cpu").state().orElseThrow().value("env.eip"))
        .hasValueSatisfying(value -> assertThat(value).isInstanceOf(Value.Whole.class));
    assertThat(device(report, "i8254").state().orElseThrow().value("channels"))
        .hasValueSatisfying(value -> assertThat(((Value.Items) value).values()).hasSize(3));
  }

  private static DeviceReport device(StreamReport report, String name) {
    return report.devices().stream()
        .filter(device -> device.section().name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static String text(DeviceReport device, String field) {
    Value.Bytes bytes = (Value.Bytes) device.state().orElseThrow().value(field).orElseThrow();
    return new String(bytes.bytes(), StandardCharsets.ISO_8859_1);
  }

  @ParameterizedTest
  @EnumSource(names = {"PLAIN", "XBZRLE", "POSTCOPY", "MAPPED_RAM"})
  void aCutStreamIsToldUpToTheCut(Mode mode, Captures captures) throws Exception {
    Path file = captures.of(new Kind(mode, QemuVersion.V10_0)).main().forward();
    Path cut = Files.copy(file, directory.resolve("cut.bin"));
    long description = inspect(file).descriptionBytes().orElse(-5) + 5;
    long undescribed = Files.size(file) - description;
    Seed seed = Seed.of("cut " + mode);
    Random random = seed.random();
    List<Long> ends =
        random
            .longs(CUTS, 0, Files.size(file))
            .boxed()
            .sorted((a, b) -> Long.compare(b, a))
            .toList();
    try (FileChannel channel = FileChannel.open(cut, StandardOpenOption.WRITE)) {
      for (long end : ends) {
        channel.truncate(end);

        StreamReport report = inspect(cut);

        assertThat(report.bytes()).as("%s cut at %d", seed, end).isEqualTo(end);
        assertThat(sum(report)).as("%s cut at %d", seed, end).isEqualTo(end);
        if (end != undescribed) {
          assertThat(report.damage().orElseThrow().cause())
              .as("%s cut at %d", seed, end)
              .isInstanceOfSatisfying(
                  StreamException.class,
                  e -> {
                    assertThat(e.kind()).isEqualTo(StreamException.Kind.TRUNCATED);
                    assertThat(e.offset()).isEqualTo(end);
                  });
        }
      }
    }
  }
}
