package dev.godwit.lab.stream;

import dev.godwit.channel.image.GuestImage;
import dev.godwit.channel.image.ImageLayout;
import dev.godwit.channel.image.ImageSender;
import dev.godwit.channel.image.LaneOpener;
import dev.godwit.channel.multifd.Dialect;
import dev.godwit.channel.multifd.MultifdCompression;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Transports;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** Guests at rest on their way out. */
final class Images {
  static final Transports TRANSPORTS = Transports.load();
  private static final Duration CONNECT = Duration.ofSeconds(20);

  private Images() {}

  static MultifdSettings multifd(int channels, MultifdCompression compression) {
    return MultifdSettings.of(Dialect.V10_0, channels)
        .with(compression, MultifdCompression.DEFAULT_LEVEL)
        .withAnyGuest();
  }

  static void save(GuestImage image, Path file, ImageLayout layout) throws IOException {
    LaneOpener lanes =
        () -> {
          try (Dialer dialer = dialer("file:" + file + "?truncate=off")) {
            return dialer.dial(Deadline.after(CONNECT));
          }
        };
    send(
        image,
        "file:" + file,
        new ImageSender.Options(layout, Optional.empty(), Optional.empty(), true, CONNECT, lanes));
  }

  static ImageSender.Delivery send(GuestImage image, String uri, Optional<MultifdSettings> multifd)
      throws IOException {
    return send(image, uri, multifd, true);
  }

  static ImageSender.Delivery send(
      GuestImage image, String uri, Optional<MultifdSettings> multifd, boolean returnPath)
      throws IOException {
    return send(image, uri, ImageSender.Options.stream(multifd, returnPath, CONNECT));
  }

  private static ImageSender.Delivery send(
      GuestImage image, String uri, ImageSender.Options options) throws IOException {
    try (Dialer dialer = dialer(uri);
        ImageSender sender = new ImageSender(dialer, options)) {
      return sender.send(image);
    }
  }

  private static Dialer dialer(String uri) throws ChannelException {
    return TRANSPORTS.dialer(Endpoint.parse(uri));
  }
}
