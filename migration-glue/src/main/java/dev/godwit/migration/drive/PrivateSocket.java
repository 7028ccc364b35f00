package dev.godwit.migration.drive;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Endpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.Optional;

/**
 * A place for a unix socket that only this user and one QEMU can reach: a directory of mode 0700,
 * removed with all in it at the end.
 */
final class PrivateSocket implements AutoCloseable {
  private static final String NAME = "migration.sock";

  private final Path directory;
  private final Optional<UserPrincipal> owner;

  private PrivateSocket(Path directory, Optional<UserPrincipal> owner) {
    this.directory = directory;
    this.owner = owner;
  }

  /**
   * Makes the directory.
   *
   * @param owner who must reach it besides root, if that is not this process's own user
   */
  static PrivateSocket create(Optional<UserPrincipal> owner) throws ChannelException {
    Path directory = null;
    try {
      directory =
          Files.createTempDirectory(
              "godwit-",
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      if (owner.isPresent() && !Files.getOwner(directory).equals(owner.get())) {
        Files.setOwner(directory, owner.get());
        return new PrivateSocket(directory, owner);
      }
      return new PrivateSocket(directory, Optional.empty());
    } catch (IOException e) {
      if (directory != null) {
        directory.toFile().delete();
      }
      throw new ChannelException.Refused(
          "No private directory for QEMU's socket can be made under "
              + System.getProperty("java.io.tmpdir")
              + ": "
              + e.getMessage());
    }
  }

  Path path() {
    return directory.resolve(NAME);
  }

  /** The URI by which QEMU knows it. */
  String uri() {
    return new Endpoint("unix", path().toString(), dev.godwit.transport.Settings.none()).toString();
  }

  /** The endpoint for us: listening, it is given to the QEMU that is to connect. */
  Endpoint endpoint() {
    Endpoint plain = Endpoint.parse(uri());
    return owner
        .map(user -> plain.with(plain.settings().with("owner", user.getName())))
        .orElse(plain);
  }

  @Override
  public void close() throws ChannelException {
    try {
      Files.deleteIfExists(path());
      Files.deleteIfExists(directory);
    } catch (IOException e) {
      throw new ChannelException.Refused(
          "The private directory " + directory + " could not be removed: " + e.getMessage());
    }
  }
}
