package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.image.GuestImage;
import dev.godwit.channel.image.GuestImageReader;
import dev.godwit.channel.image.GuestImageWriter;
import dev.godwit.channel.ram.PageEncodings;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamDialect;
import dev.godwit.channel.ram.RamImage;
import dev.godwit.channel.ram.RamSectionReader;
import dev.godwit.channel.ram.RamSectionWriter;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.channel.stream.StreamWriter;
import dev.godwit.lab.guest.Qemu;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.transport.Channel;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Real streams read into a guest at rest by the codec, written again, and restored into QEMUs. */
@ExtendWith(Captures.Shared.class)
final class GuestImageTest {
  private static final Transports TRANSPORTS = Transports.load();
  private static final int PAGE_BYTES = 4096;
  private static final long CEILING_BYTES = 1L << 30;
  private static final Duration PATIENCE = Duration.ofSeconds(40);

  @TempDir private Path directory;

  /** Where all memory is in records of the main channel, and the source gave the guest up whole. */
  static Stream<Kind> kinds() {
    return Mode.kinds().filter(GuestImageTest::isImage);
  }

  static boolean isImage(Kind kind) {
    return kind.mode().layout() == Mode.Layout.STREAM && kind.mode().multifdChannels() == 0;
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void givesTheMemoryThatQemuSaved(Kind kind, Captures captures) throws Exception {
    Capture capture = captures.of(kind);
    try (RamImage memory = new RamImage(CEILING_BYTES, PAGE_BYTES)) {
      GuestImage image = read(capture.main().forward(), memory);

      RamBlock ram = image.blocks().named("pc.ram").orElseThrow();
      assertThat(capture.firstDifference(ram.memory().asByteBuffer())).isEmpty();
      assertThat(image.configuration().orElseThrow().machine()).isEqualTo(kind.machineType());
      assertThat(image.devices())
          .extracting(device -> device.section().name())
          .contains("globalstate", "cpu");
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void isTheSameAfterItWasWritten(Kind kind, Captures captures) throws Exception {
    Path again = directory.resolve("again.bin");
    try (RamImage memory = new RamImage(CEILING_BYTES, PAGE_BYTES);
        RamImage second = new RamImage(CEILING_BYTES, PAGE_BYTES)) {
      GuestImage image = read(captures.of(kind).main().forward(), memory);
      write(image, "file:" + again);

      GuestImage same = read(again, second);

      assertThat(same.configuration()).isEqualTo(image.configuration());
      assertThat(same.devices()).hasSameSizeAs(image.devices());
      for (int i = 0; i < same.devices().size(); i++) {
        assertThat(same.devices().get(i).section()).isEqualTo(image.devices().get(i).section());
        assertThat(Arrays.equals(same.devices().get(i).bytes(), image.devices().get(i).bytes()))
            .isTrue();
      }
      for (RamBlock block : image.blocks().all()) {
        RamBlock other = same.blocks().named(block.name()).orElseThrow();
        assertThat(other.memory().mismatch(block.memory())).as(block.name()).isEqualTo(-1);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void isRestoredIntoQemu(QemuVersion version, Captures captures) throws Exception {
    Kind kind = new Kind(Mode.PLAIN, version);
    Capture capture = captures.of(kind);
    QemuMachine machine = QemuMachine.of(CaptureMaker.GUEST).ofType(kind.machineType());
    Path socket = directory.resolve("in.sock");
    Path saved = directory.resolve("memory.bin");
    try (Qemu destination =
            Qemu.start(QemuBinary.require(version), machine.incoming(), directory.resolve("d"));
        QemuMonitor monitor = QemuMonitor.connect(destination.qmp(), soon());
        RamImage memory = new RamImage(CEILING_BYTES, PAGE_BYTES)) {
      GuestImage image = read(capture.main().forward(), memory);
      monitor.migrateIncoming("unix:" + socket, soon());

      write(image, "unix:" + socket);

      MigrationStatus status =
          monitor.awaitMigration(MigrationStatus::isFinal, PATIENCE, Deadline.after(PATIENCE));
      assertThat(status.state())
          .as(status.error().orElse("no reason given"))
          .isEqualTo(MigrationState.COMPLETED);
      CaptureMaker.saveMemory(destination, saved);
      assertThat(new Capture(kind, capture.connections(), saved).guestMemory())
          .isEqualTo(capture.guestMemory());
    }
  }

  private static GuestImage read(Path file, RamImage memory) throws Exception {
    try (Listener listener = TRANSPORTS.listen(Endpoint.parse("file:" + file));
        Channel channel = listener.accept(soon());
        StreamInput in = new StreamInput(channel, "main");
        RamSectionReader ram =
            new RamSectionReader(
                in,
                channel,
                RamDialect.ANY,
                RamTable.Layout.plain(PAGE_BYTES),
                memory,
                RamSectionReader.Marks.NONE)) {
      return new GuestImageReader(in, ram, Optional.empty()).read(memory);
    }
  }

  private static void write(GuestImage image, String uri) throws Exception {
    try (Dialer dialer = TRANSPORTS.dialer(Endpoint.parse(uri));
        Channel channel = dialer.dial(soon());
        StreamOutput out = new StreamOutput(channel);
        RamSectionWriter ram =
            RamSectionWriter.inline(
                out, channel, image.blocks(), PAGE_BYTES, PageEncodings.usual())) {
      new GuestImageWriter(StreamWriter.of(out), ram).write(image);
      channel.shutdownOutput();
    }
  }

  private static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(20));
  }
}
