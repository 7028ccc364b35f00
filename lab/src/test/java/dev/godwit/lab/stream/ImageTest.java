package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.image.GuestImage;
import dev.godwit.channel.image.GuestImage.DeviceState;
import dev.godwit.channel.image.ImageLayout;
import dev.godwit.channel.image.ImageSender;
import dev.godwit.channel.multifd.MultifdCompression;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.VmDescription;
import dev.godwit.lab.guest.Qemu;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.transport.Deadline;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What real QEMUs send is kept as a guest at rest, sent again, and restored into real QEMUs. */
@ExtendWith(Captures.Shared.class)
@Timeout(120)
final class ImageTest {
  @TempDir private Path directory;

  /** Everything that gives the whole guest away. */
  static Stream<Kind> kinds() {
    return Mode.kinds().filter(ImageTest::isImage);
  }

  static boolean isImage(Kind kind) {
    return kind.mode().layout() != Mode.Layout.BOTH_WAYS;
  }

  /** All of the guest is in the main channel's stream. */
  static boolean isOneStream(Kind kind) {
    return isImage(kind)
        && kind.mode().layout() == Mode.Layout.STREAM
        && kind.mode().multifdChannels() == 0;
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void memoryAndDevicesAreThoseThatQemuSent(Kind kind, Captures captures) throws Exception {
    Capture capture = captures.of(kind);
    try (Received received = Received.of(capture, "unix:" + directory.resolve("in.sock"))) {
      GuestImage image = received.image();

      RamBlock ram = image.blocks().named("pc.ram").orElseThrow();
      assertThat(capture.firstDifference(ram.memory().asByteBuffer())).isEmpty();
      assertThat(image.machine()).contains(kind.machineType());
      assertThat(image.devices())
          .extracting(device -> device.section().name())
          .contains("globalstate", "cpu", "timer", "serial");
      // Each device's state stands in QEMU's own stream, byte for byte and in this order.
      byte[] stream = capture.main().bytes();
      int from = 0;
      for (DeviceState device : image.devices()) {
        from = indexOf(stream, framed(device), from);
        assertThat(from).as(device.section().toString()).isNotNegative();
      }
    }
  }

  /** A FULL section as QEMU frames it (qemu-wire.md §1.3). */
  private static byte[] framed(DeviceState device) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes(number(device.section().version()));
    bytes.writeBytes(device.bytes());
    bytes.write(0x7E);
    bytes.writeBytes(number(device.section().id()));
    return bytes.toByteArray();
  }

  private static byte[] number(long value) {
    return new byte[] {
      (byte) (value >>> 24), (byte) (value >>> 16), (byte) (value >>> 8), (byte) value
    };
  }

  private static int indexOf(byte[] all, byte[] part, int from) {
    for (int at = from; at + part.length <= all.length; at++) {
      if (Arrays.equals(all, at, at + part.length, part, 0, part.length)) {
        return at;
      }
    }
    return -1;
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void isTheSameAfterItWasSavedInEitherLayout(Kind kind, Captures captures) throws Exception {
    Path stream = directory.resolve("stream.img");
    Path mapped = directory.resolve("mapped.img");
    try (Received received =
        Received.of(captures.of(kind), "unix:" + directory.resolve("in.sock"))) {
      Images.save(received.image(), stream, ImageLayout.STREAM);
      try (Received second = Received.ofFile(stream)) {
        expectSame(second.image(), received.image());
        Images.save(second.image(), mapped, ImageLayout.MAPPED_RAM);
      }
      try (Received third = Received.ofFile(mapped)) {
        expectSame(third.image(), received.image());
      }
    }
  }

  static void expectSame(GuestImage here, GuestImage there) {
    assertThat(here.machine()).isEqualTo(there.machine());
    assertThat(here.description().map(VmDescription::json))
        .isEqualTo(there.description().map(VmDescription::json));
    assertThat(here.devices()).hasSameSizeAs(there.devices());
    for (int i = 0; i < here.devices().size(); i++) {
      assertThat(here.devices().get(i).section()).isEqualTo(there.devices().get(i).section());
      assertThat(here.devices().get(i).bytes()).isEqualTo(there.devices().get(i).bytes());
    }
    assertThat(here.blocks().all()).hasSameSizeAs(there.blocks().all());
    for (RamBlock block : here.blocks().all()) {
      RamBlock other = there.blocks().named(block.name()).orElseThrow();
      assertThat(other.memory().mismatch(block.memory())).as(block.name()).isEqualTo(-1);
    }
  }

  @ParameterizedTest
  @EnumSource
  void postcopyIsRefusedWithAReason(QemuVersion version, Captures captures) throws Exception {
    Capture capture = captures.of(new Kind(Mode.POSTCOPY, version));

    assertThatThrownBy(() -> Received.of(capture, "unix:" + directory.resolve("in.sock")).close())
        .isInstanceOf(StreamException.class)
        .hasMessageContaining("The source has postcopy-ram on")
        .hasMessageContaining("channel main, byte ");
  }

  /** How a destination is set up, and what the sender is told of it. */
  static Stream<Arguments> destinations() {
    return Stream.of(QemuVersion.values())
        .flatMap(
            version ->
                Stream.of("", "none", "zlib", "zstd")
                    .map(compression -> Arguments.of(version, compression)));
  }

  @ParameterizedTest
  @MethodSource("destinations")
  void isRestoredIntoQemu(QemuVersion version, String compression, Captures captures)
      throws Exception {
    Kind kind = new Kind(Mode.PLAIN, version);
    Optional<MultifdSettings> multifd =
        MultifdCompression.named(compression).map(named -> Images.multifd(2, named));
    List<String> settings =
        multifd.isEmpty() ? List.of() : List.of("multifd", "multifd-compression=" + compression);
    Path socket = directory.resolve("in.sock");
    Capture capture = captures.of(kind);
    try (Received received = Received.of(capture, "unix:" + directory.resolve("r.sock"))) {
      expectRestored(
          capture,
          settings,
          "unix:" + socket,
          () ->
              assertThat(Images.send(received.image(), "unix:" + socket, multifd))
                  .isEqualTo(ImageSender.Delivery.CONFIRMED));
    }
  }

  /** Godwit's files are QEMU's own. */
  @ParameterizedTest
  @EnumSource
  void qemuReadsTheFileItself(ImageLayout layout, Captures captures) throws Exception {
    Capture capture = captures.of(new Kind(Mode.MULTIFD_ZSTD, QemuVersion.V10_0));
    Path file = directory.resolve("vm.img");
    try (Received received = Received.of(capture, "unix:" + directory.resolve("r.sock"))) {
      Images.save(received.image(), file, layout);
    }
    List<String> settings = layout == ImageLayout.MAPPED_RAM ? List.of("mapped-ram") : List.of();
    expectRestored(capture, settings, "file:" + file, () -> {});
  }

  private interface Step {
    void run() throws Exception;
  }

  private void expectRestored(Capture capture, List<String> settings, String uri, Step send)
      throws Exception {
    Kind kind = capture.kind();
    QemuMachine machine = QemuMachine.of(CaptureMaker.GUEST).ofType(kind.machineType());
    Path saved = directory.resolve("memory.bin");
    try (Qemu destination =
            Qemu.start(
                QemuBinary.require(kind.version()),
                machine.incoming(),
                Files.createDirectories(directory.resolve("d")));
        QemuMonitor monitor = QemuMonitor.connect(destination.qmp(), soon())) {
      monitor.apply(MigrationSettings.parse(settings), soon());
      monitor.migrateIncoming(uri, soon());
      send.run();
      CaptureMaker.awaitCompleted(monitor, kind);
      CaptureMaker.saveMemory(destination, saved);
      assertThat(new Capture(kind, capture.connections(), saved).guestMemory())
          .isEqualTo(capture.guestMemory());
    }
  }

  private static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(20));
  }
}
