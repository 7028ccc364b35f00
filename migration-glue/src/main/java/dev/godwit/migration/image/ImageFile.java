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
  private final boolean directIo;

  /**
   * @param directIo whether pages that have places go past the page cache
   */
  ImageFile(Transports transports, Path path, boolean directIo) {
    this.transports = transports;
    this.path = path;
    this.directIo = directIo;
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

  /** Further readers of the file, which go past the page cache where asked to. */
  LaneOpener readers() {
    Endpoint further = toRead().with(Settings.of(direct()));
    return () -> {
      try (Listener listener = transports.listen(further)) {
        return listener.accept(Deadline.after(OPEN));
      }
    };
  }

  /** Further writers of a file that is being written, likewise. */
  LaneOpener writers() {
    List<Settings.Setting> settings = new ArrayList<>(direct());
    settings.add(new Settings.Setting("truncate", "off"));
    Endpoint further = toWrite().with(Settings.of(settings));
    return () -> {
      try (Dialer dialer = transports.dialer(further)) {
        Channel channel = dialer.dial(Deadline.after(OPEN));
        return channel;
      }
    };
  }

  private List<Settings.Setting> direct() {
    return directIo ? List.of(new Settings.Setting("direct", "on")) : List.of();
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
