package dev.godwit.migration.image;

import dev.godwit.channel.image.LaneOpener;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Settings;
import dev.godwit.transport.Transports;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A guest's file: written under another name until it is whole, so that it never is half one. */
final class ImageFile {
  private static final Duration OPEN = Duration.ofSeconds(10);

  private final Transports transports;
  private final Path path;
  private final Path unfinished;

  ImageFile(Transports transports, Path path) {
    this.transports = transports;
    this.path = path;
    this.unfinished =
        path.resolveSibling("." + path.getFileName() + ".godwit-" + ProcessHandle.current().pid());
  }

  Endpoint toRead() {
    return endpoint(path);
  }

  Endpoint toWrite() {
    return endpoint(unfinished);
  }

  private static Endpoint endpoint(Path file) {
    return new Endpoint("file", file.toString(), Settings.none());
  }

  LaneOpener readers() {
    return () -> {
      try (Listener listener = transports.listen(toRead())) {
        return listener.accept(Deadline.after(OPEN));
      }
    };
  }

  /** Further writers of a file that is being written. */
  LaneOpener writers() {
    Endpoint further =
        toWrite().with(Settings.of(List.of(new Settings.Setting("truncate", "off"))));
    return () -> {
      try (Dialer dialer = transports.dialer(further)) {
        Channel channel = dialer.dial(Deadline.after(OPEN));
        return channel;
      }
    };
  }

  /** The file is whole and on the disk: gives it its name. */
  void keep() throws ChannelException {
    try {
      Files.move(unfinished, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new ChannelException.Refused("The image cannot be named " + path + ": " + e);
    }
  }

  /** Removes what was written, if it is there. */
  List<String> discard() {
    List<String> notes = new ArrayList<>();
    try {
      Files.deleteIfExists(unfinished);
    } catch (IOException e) {
      notes.add("Half an image is left behind as " + unfinished + ": " + e);
    }
    return notes;
  }
}
