package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.image.GuestImage;
import dev.godwit.channel.image.ImageSender.Delivery;
import dev.godwit.channel.image.LaneOpener;
import dev.godwit.channel.multifd.MultifdCompression;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.lab.guest.Qemu;
import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuMachine;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.guest.SerialTicks;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.migration.qemu.MigrationSettings;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Task;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A guest that a real QEMU saved crosses every transport, in every way that the transport can carry
 * it, and is the same afterwards.
 */
@ExtendWith(Captures.Shared.class)
@Timeout(120)
final class ProvidersTest {
  private static final Duration PATIENCE = Duration.ofSeconds(40);
  private static final String DIRECTORY = "{dir}";

  @TempDir private Path directory;

  /**
   * A way from a source to a destination.
   *
   * @param many whether it carries several channels
   * @param answers whether the destination can say that it has the guest
   */
  record Way(String listen, String dial, boolean many, boolean answers) {
    static Way same(String uri, boolean many) {
      return new Way(uri, uri, many, true);
    }
  }

  private static final List<Way> WAYS =
      List.of(
          Way.same("mem:{name}", true),
          Way.same("mem:{name}?placement=direct", true),
          Way.same("unix:{dir}/in.sock", true),
          new Way("tcp:127.0.0.1:0", "", true, true),
          new Way("tcp:[::1]:0", "", true, true),
          new Way("unix:{dir}/exec.sock", "exec:socat - UNIX-CONNECT:{dir}/exec.sock", false, true),
          new Way("exec:cat {dir}/exec.img", "exec:cat > {dir}/exec.img", false, false),
          new Way("file:{dir}/file.img", "file:{dir}/file.img", false, false));

  /** Which channels carry the memory. */
  record Carried(int channels, MultifdCompression compression) {
    Optional<MultifdSettings> settings() {
      return channels == 0 ? Optional.empty() : Optional.of(Images.multifd(channels, compression));
    }
  }

  private static final List<Carried> CARRIED =
      List.of(
          new Carried(0, MultifdCompression.NONE),
          new Carried(1, MultifdCompression.NONE),
          new Carried(3, MultifdCompression.NONE),
          new Carried(2, MultifdCompression.ZLIB),
          new Carried(2, MultifdCompression.ZSTD));

  static Stream<Arguments> cells() {
    List<Arguments> cells = new ArrayList<>();
    for (Way way : WAYS) {
      for (Carried carried : CARRIED) {
        for (QemuVersion version : QemuVersion.values()) {
          if (carried.channels() == 0 || way.many()) {
            cells.add(Arguments.of(way, carried, version));
          }
        }
      }
    }
    return cells.stream();
  }

  @ParameterizedTest
  @MethodSource("cells")
  void theGuestIsTheSameOnTheOtherSide(
      Way way, Carried carried, QemuVersion version, Captures captures) throws Exception {
    Capture capture = captures.of(new Kind(Mode.PLAIN, version));
    try (Received source = Received.of(capture, "unix:" + directory.resolve("capture.sock"))) {
      GuestImage guest = source.image();
      boolean later = !way.answers();
      if (later) {
        assertThat(Images.send(guest, named(way.dial()), carried.settings(), false))
            .isEqualTo(Delivery.HANDED_OVER);
      }
      Listener listener = Images.TRANSPORTS.listen(Endpoint.parse(named(way.listen())));
      String to = way.dial().isEmpty() ? listener.local().toString() : named(way.dial());
      Optional<Task<Delivery>> sending =
          later
              ? Optional.empty()
              : Optional.of(Task.start("sender", () -> Images.send(guest, to, carried.settings())));
      try (Received received = Received.open(listener, carried.settings(), LaneOpener.none())) {
        ImageTest.expectSame(received.image(), guest);
        received.confirm();
        sending.ifPresent(sent -> assertThat(sent.result()).isEqualTo(Delivery.CONFIRMED));
      }
    }
  }

  /**
   * Where Godwit listens, what a QEMU dials to reach it, and the other way round.
   *
   * @param later whether it is a file, which one side writes before the other reads
   */
  record Real(
      String receive, String migrate, String incoming, String send, boolean many, boolean later) {}

  private static final Real TCP =
      new Real("tcp:127.0.0.1:0", "", "tcp:127.0.0.1:0", "", true, false);
  private static final Real UNIX =
      new Real(
          "unix:{dir}/r.sock",
          "unix:{dir}/r.sock",
          "unix:{dir}/s.sock",
          "unix:{dir}/s.sock",
          true,
          false);
  private static final Real EXEC =
      new Real(
          "unix:{dir}/r.sock",
          "exec:socat - UNIX-CONNECT:{dir}/r.sock",
          "unix:{dir}/s.sock",
          "exec:socat - UNIX-CONNECT:{dir}/s.sock",
          false,
          false);
  private static final Real PIPED_FILE =
      new Real(
          "file:{dir}/r.img",
          "exec:cat > {dir}/r.img",
          "exec:cat {dir}/s.img",
          "file:{dir}/s.img",
          false,
          true);

  static Stream<Arguments> realCells() {
    List<Arguments> cells = new ArrayList<>();
    for (QemuVersion version : QemuVersion.values()) {
      for (Real real : List.of(TCP, UNIX, EXEC, PIPED_FILE)) {
        cells.add(Arguments.of(real, false, version));
        if (real.many()) {
          cells.add(Arguments.of(real, true, version));
        }
      }
    }
    return cells.stream();
  }

  /** A paused guest goes from one QEMU into an image and from there into another QEMU. */
  @ParameterizedTest
  @MethodSource("realCells")
  void theGuestGoesFromQemuToQemu(Real real, boolean many, QemuVersion version) throws Exception {
    Optional<MultifdSettings> multifd =
        many ? Optional.of(Images.multifd(2, MultifdCompression.NONE)) : Optional.empty();
    MigrationSettings settings = MigrationSettings.parse(many ? List.of("multifd") : List.of());
    Kind kind = new Kind(Mode.PLAIN, version);
    QemuMachine machine = QemuMachine.of(CaptureMaker.GUEST);
    Path before = directory.resolve("before.bin");
    Path after = directory.resolve("after.bin");
    try (Qemu source = start(version, machine, "s");
        Qemu destination = start(version, machine.incoming(), "d");
        QemuMonitor here = QemuMonitor.connect(source.qmp(), soon());
        QemuMonitor there = QemuMonitor.connect(destination.qmp(), soon())) {
      SerialTicks.await(2, PATIENCE, source.serialLog());
      here.stop(soon());
      here.apply(settings, soon());
      there.apply(settings, soon());
      if (real.later()) {
        here.migrate(named(real.migrate()), soon());
        CaptureMaker.awaitCompleted(here, kind);
      }
      Listener listener = Images.TRANSPORTS.listen(Endpoint.parse(named(real.receive())));
      if (!real.later()) {
        here.migrate(
            real.migrate().isEmpty() ? listener.local().toString() : named(real.migrate()), soon());
      }
      try (Received received = Received.open(listener, multifd, LaneOpener.none())) {
        received.confirm();
        CaptureMaker.awaitCompleted(here, kind);
        send(real, received.image(), there, multifd);
      }
      CaptureMaker.awaitCompleted(there, kind);
      CaptureMaker.saveMemory(source, before);
      CaptureMaker.saveMemory(destination, after);
      assertThat(new Capture(kind, List.of(), after).guestMemory())
          .isEqualTo(new Capture(kind, List.of(), before).guestMemory());
    }
  }

  private void send(
      Real real, GuestImage image, QemuMonitor there, Optional<MultifdSettings> multifd)
      throws Exception {
    String uri = real.send().isEmpty() ? "tcp:127.0.0.1:" + freePort() : named(real.send());
    String incoming = real.send().isEmpty() ? uri : named(real.incoming());
    if (!real.later()) {
      there.migrateIncoming(incoming, soon());
    }
    assertThat(Images.send(image, uri, multifd))
        .isEqualTo(real.later() ? Delivery.HANDED_OVER : Delivery.CONFIRMED);
    if (real.later()) {
      there.migrateIncoming(incoming, soon());
    }
  }

  /** Free when it was looked for; QEMU does not say which one it would choose by itself. */
  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private Qemu start(QemuVersion version, QemuMachine machine, String name) throws Exception {
    return Qemu.start(
        QemuBinary.require(version), machine, Files.createDirectories(directory.resolve(name)));
  }

  private static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(20));
  }

  private String named(String uri) {
    return uri.replace(DIRECTORY, directory.toString())
        .replace("{name}", directory.getFileName().toString());
  }
}
