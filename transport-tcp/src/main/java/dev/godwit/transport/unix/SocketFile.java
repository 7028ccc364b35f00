package dev.godwit.transport.unix;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Settings;
import dev.godwit.transport.kernel.Accounts;
import dev.godwit.transport.kernel.Errno;
import dev.godwit.transport.kernel.FileStatus;
import dev.godwit.transport.kernel.Libc;
import dev.godwit.transport.kernel.SocketAddresses;
import dev.godwit.transport.kernel.Waker;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The file of a listening socket: made with the right permissions before anybody can connect, put
 * in the place of a stale one and never of a live one, and removed if it is still the same.
 *
 * @param identity device and inode of what was bound
 */
record SocketFile(String path, FileStatus identity) {
  private static final Duration LOCK_WAIT = Duration.ofSeconds(5);
  private static final Duration LOCK_RETRY = Duration.ofMillis(10);

  /**
   * Who may connect.
   *
   * @param mode permission bits, whatever the umask
   * @param uid empty to leave the owner
   * @param gid empty to leave the group
   */
  record Permissions(int mode, Optional<Integer> uid, Optional<Integer> gid) {
    private static final Pattern OCTAL = Pattern.compile("0?[0-7]{3}");
    private static final int OWNER_ONLY = 0600;

    static Permissions of(Settings settings) {
      return new Permissions(
          settings.text("mode").map(Permissions::mode).orElse(OWNER_ONLY),
          settings.text("owner").map(Permissions::user),
          settings.text("group").map(Permissions::group));
    }

    private static int mode(String text) {
      if (!OCTAL.matcher(text).matches()) {
        throw new EndpointException(
            "Setting mode must be three octal digits such as 0660, not '" + text + "'");
      }
      return Integer.parseInt(text, 8);
    }

    private static int user(String text) {
      return Accounts.user(text)
          .orElseThrow(
              () -> new EndpointException("Setting owner names '" + text + "', who is no user"));
    }

    private static int group(String text) {
      return Accounts.group(text)
          .orElseThrow(
              () -> new EndpointException("Setting group names '" + text + "', which is no group"));
    }
  }

  /**
   * Binds {@code socket}, which does not listen yet, to the path of {@code address}.
   *
   * @throws ChannelException.Refused if something else than a stale socket is there, or the
   *     permissions cannot be set
   */
  static SocketFile bind(Endpoint address, int socket, Permissions permissions)
      throws ChannelException {
    String path = address.address();
    int directory = lockDirectory(address);
    try (Arena arena = Arena.ofConfined()) {
      makeRoom(address, path);
      // The file takes its mode from the socket, less the umask: never more than asked for.
      Libc.fchmod(socket, permissions.mode());
      int result = Libc.bind(socket, SocketAddresses.ofPath(arena, path));
      if (result < 0) {
        throw refused(address, -result);
      }
      FileStatus identity =
          FileStatus.of(path)
              .orElseThrow(
                  () -> new ChannelException.Refused("The socket at " + address + " vanished"));
      SocketFile file = new SocketFile(path, identity);
      boolean done = false;
      try {
        file.permit(address, permissions);
        done = true;
        return file;
      } finally {
        if (!done) {
          file.remove();
        }
      }
    } finally {
      // Unlocks, too.
      Libc.close(directory);
    }
  }

  /**
   * Two that start at once on one path must not both find it stale: they take turns, by a lock on
   * the directory that leaves nothing behind.
   */
  private static int lockDirectory(Endpoint address) throws ChannelException {
    Path parent = Path.of(address.address()).toAbsolutePath().getParent();
    String name = parent == null ? "/" : parent.toString();
    int fd = Libc.open(name, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC, 0);
    if (fd < 0) {
      throw refused(address, -fd);
    }
    Deadline deadline = Deadline.after(LOCK_WAIT);
    try (Waker nobody = Waker.open()) {
      while (Libc.flock(fd, Libc.LOCK_EX | Libc.LOCK_NB) == -Errno.EAGAIN) {
        if (deadline.hasPassed()) {
          throw new ChannelException.Refused("Somebody else holds a lock on directory " + name);
        }
        nobody.await(-1, 0, Deadline.after(LOCK_RETRY));
      }
      return fd;
    } catch (ChannelException e) {
      Libc.close(fd);
      throw e;
    }
  }

  private static void makeRoom(Endpoint address, String path) throws ChannelException {
    Optional<FileStatus> there = FileStatus.of(path);
    if (there.isEmpty()) {
      return;
    }
    if (there.get().type() != FileStatus.Type.SOCKET) {
      throw new ChannelException.Refused(
          "There is a file at " + address + " already, and it is no socket");
    }
    int probe = probe(path);
    if (probe == -Errno.EACCES || probe == -Errno.EPERM) {
      throw new ChannelException.Refused(
          "There is a socket at " + address + " that this process may not use");
    }
    if (probe != -Errno.ECONNREFUSED && probe != -Errno.ENOENT) {
      throw new ChannelException.Refused("Somebody else listens at " + address + " already");
    }
    int removed = Libc.unlink(path);
    if (removed < 0 && removed != -Errno.ENOENT) {
      throw new ChannelException.Refused(
          "The stale socket at "
              + address
              + " cannot be removed, the kernel says "
              + Errno.text(-removed));
    }
  }

  /**
   * Asks whether any socket is behind the file without connecting to it, since an empty connection
   * harms a QEMU that waits for a migration: a datagram socket is told {@code EPROTOTYPE} by a live
   * stream socket, which notices nothing, and {@code ECONNREFUSED} by a stale file. Unlike {@code
   * /proc/net/unix} this sees sockets of other network namespaces.
   */
  private static int probe(String path) throws ChannelException {
    int fd =
        Errno.check(
            Libc.socket(Libc.AF_UNIX, Libc.SOCK_DGRAM | Libc.SOCK_CLOEXEC),
            "Cannot make a socket",
            "socket");
    try (Arena arena = Arena.ofConfined()) {
      return Libc.connect(fd, SocketAddresses.ofPath(arena, path));
    } finally {
      Libc.close(fd);
    }
  }

  /** Works on the file that was bound, whatever the path has become meanwhile. */
  private void permit(Endpoint address, Permissions permissions) throws ChannelException {
    int fd = Libc.open(path, Libc.O_PATH | Libc.O_NOFOLLOW | Libc.O_CLOEXEC, 0);
    if (fd < 0) {
      throw refused(address, -fd);
    }
    try {
      if (!FileStatus.of(fd).map(identity::isSameFile).orElse(false)) {
        throw new ChannelException.Refused("The socket at " + address + " was replaced");
      }
      String file = "/proc/self/fd/" + fd;
      int result = 0;
      if (permissions.uid().isPresent() || permissions.gid().isPresent()) {
        result = Libc.chown(file, permissions.uid().orElse(-1), permissions.gid().orElse(-1));
      }
      if (result == 0) {
        result = Libc.chmod(file, permissions.mode());
      }
      if (result < 0) {
        throw new ChannelException.Refused(
            "The permissions of the socket at "
                + address
                + " cannot be set, the kernel says "
                + Errno.text(-result));
      }
    } finally {
      Libc.close(fd);
    }
  }

  /** Removes the file if it is still the one that was bound. */
  void remove() {
    if (FileStatus.of(path).map(identity::isSameFile).orElse(false)) {
      Libc.unlink(path);
    }
  }

  private static ChannelException refused(Endpoint address, int errno) {
    return switch (errno) {
      case Errno.ENOENT, Errno.ENOTDIR ->
          new ChannelException.Refused("The directory of " + address + " does not exist");
      case Errno.EACCES, Errno.EPERM, Errno.EROFS ->
          new ChannelException.Refused("This process may not make a socket at " + address);
      case Errno.EADDRINUSE ->
          new ChannelException.Refused("Somebody else listens at " + address + " already");
      default -> Errno.failure("Cannot listen at " + address, "bind", errno);
    };
  }
}
