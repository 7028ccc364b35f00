package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.image.GuestImage;
import dev.godwit.channel.image.ImageSender.Delivery;
import dev.godwit.channel.image.LaneOpener;
import dev.godwit.channel.multifd.MultifdCompression;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.lab.guest.QemuVersion;
import dev.godwit.lab.stream.Mode.Kind;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Task;
import java.nio.file.Path;
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
  private static final String DIRECTORY = "{dir}";

  @TempDir private Path directory;

  /**
   * A way from a source to a destination.
   *
   * @param many whether it carries several channels
   * @param answers whether the destination can say that it has the guest
   */
  private record Way(String listen, String dial, boolean many, boolean answers) {
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
  private record Carried(int channels, MultifdCompression compression) {
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
        assertThat(Images.send(guest, named(way.dial()), carried.settings()))
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

  private String named(String uri) {
    return uri.replace(DIRECTORY, directory.toString())
        .replace("{name}", directory.getFileName().toString());
  }
}
