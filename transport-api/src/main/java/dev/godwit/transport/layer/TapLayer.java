package dev.godwit.transport.layer;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Layer;
import dev.godwit.transport.Protection;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;

/**
 * {@code tap=DIR}: records both directions of every channel, as this side sees them.
 *
 * <p>A channel with serial 7 is recorded in {@code DIR/7-0.out}, what this side writes and puts,
 * and {@code DIR/7-0.in}, what it reads and gets, each in the order of the stream; if those exist,
 * in {@code 7-1} and so on, so nothing is ever overwritten. What is being written while a channel
 * breaks is recorded whole. Bytes that land unannounced (silent placement) are in no recording.
 *
 * <p>A recording holds the guest's memory: the directory is made with mode 0700 and the files with
 * 0600. A directory that cannot be used refuses the connection. A disk that fills later ends the
 * recording, not the migration: a warning is logged, and the file is renamed to {@code
 * .incomplete}.
 */
public final class TapLayer implements Layer {
  private static final FileAttribute<?> OWNER_ONLY_DIRECTORY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
  private static final FileAttribute<?> OWNER_ONLY_FILE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  @Override
  public String key() {
    return "tap";
  }

  @Override
  public String grammar() {
    return "DIR, as in tap=/var/tmp/wire";
  }

  @Override
  public Map<String, String> settings() {
    return Map.of();
  }

  @Override
  public Protection protection(Protection beneath) {
    return beneath;
  }

  @Override
  public boolean waits() {
    return false;
  }

  @Override
  public Wrapping configure(Naming naming) {
    String value = naming.value();
    if (value.isEmpty()) {
      throw new EndpointException("Setting tap must name a directory, as in tap=/var/tmp/wire");
    }
    Path directory = Path.of(value);
    return (inner, deadline) -> record(inner, directory);
  }

  private static Channel record(Channel inner, Path directory) throws ChannelException {
    try {
      Files.createDirectories(directory, OWNER_ONLY_DIRECTORY);
      for (int n = 0; ; n++) {
        String name = inner.info().serial() + "-" + n;
        Path out = directory.resolve(name + ".out");
        Path in = directory.resolve(name + ".in");
        if (create(out) && create(in)) {
          return open(inner, out, in);
        }
      }
    } catch (IOException e) {
      throw new ChannelException.Refused("Nothing can be recorded in " + directory, e);
    }
  }

  /** Streams and no FileChannels, which an interrupt would close. */
  private static Channel open(Channel inner, Path out, Path in) throws IOException {
    OutputStream sent = new FileOutputStream(out.toFile(), true);
    try {
      OutputStream received = new FileOutputStream(in.toFile(), true);
      return new TapChannel(inner, new Recording(out, sent), new Recording(in, received));
    } catch (IOException e) {
      sent.close();
      throw e;
    }
  }

  /** Makes an empty file, unless there is one. */
  private static boolean create(Path file) throws IOException {
    try {
      Files.createFile(file, OWNER_ONLY_FILE);
      return true;
    } catch (FileAlreadyExistsException e) {
      return false;
    }
  }
}
