package dev.godwit.lab.stream;

import dev.godwit.channel.image.GuestImage;
import dev.godwit.channel.image.ImageReceiver;
import dev.godwit.channel.image.LaneOpener;
import dev.godwit.channel.multifd.MultifdCompression;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** A guest that has been received, with its memory. */
public final class Received implements AutoCloseable {
  static final long CEILING_BYTES = 1L << 30;

  private final Listener listener;
  private final ImageReceiver receiver;
  private final GuestImage image;

  private Received(Listener listener, ImageReceiver receiver) throws IOException {
    this.listener = listener;
    this.receiver = receiver;
    this.image = receiver.receive();
  }

  /** The guest of a capture, which happens again over {@code uri}, or is a file by itself. */
  static Received of(Capture capture, String uri) throws Exception {
    if (capture.kind().mode().layout() == Mode.Layout.FILE) {
      return ofFile(capture.main().forward());
    }
    Listener listener = Images.TRANSPORTS.listen(Endpoint.parse(uri));
    try (Replay replay = new Replay(Images.TRANSPORTS, capture, listener.local())) {
      return open(listener, multifd(capture.kind().mode()), LaneOpener.none());
    }
  }

  private static Optional<MultifdSettings> multifd(Mode mode) {
    return switch (mode) {
      case MULTIFD_NONE -> Optional.of(multifd(mode, MultifdCompression.NONE));
      case MULTIFD_ZLIB -> Optional.of(multifd(mode, MultifdCompression.ZLIB));
      case MULTIFD_ZSTD -> Optional.of(multifd(mode, MultifdCompression.ZSTD));
      default -> Optional.empty();
    };
  }

  private static MultifdSettings multifd(Mode mode, MultifdCompression compression) {
    return Images.multifd(mode.multifdChannels(), compression);
  }

  public static Received ofFile(Path file) throws IOException {
    Endpoint from = Endpoint.parse("file:" + file);
    LaneOpener lanes =
        () -> {
          try (Listener listener = Images.TRANSPORTS.listen(from)) {
            return listener.accept(Deadline.after(Duration.ofSeconds(5)));
          }
        };
    return open(Images.TRANSPORTS.listen(from), Optional.empty(), lanes);
  }

  /** The listener is the result's. */
  static Received open(Listener listener, Optional<MultifdSettings> multifd, LaneOpener lanes)
      throws IOException {
    ImageReceiver receiver =
        new ImageReceiver(listener, new ImageReceiver.Options(CEILING_BYTES, multifd, lanes));
    try {
      return new Received(listener, receiver);
    } catch (IOException | RuntimeException e) {
      receiver.close();
      listener.close();
      throw e;
    }
  }

  public GuestImage image() {
    return image;
  }

  void confirm() throws ChannelException {
    receiver.confirm();
  }

  @Override
  public void close() throws ChannelException {
    receiver.close();
    listener.close();
  }
}
