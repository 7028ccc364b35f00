package dev.godwit.transport.file;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.kernel.Descriptor;
import dev.godwit.transport.kernel.Errno;
import dev.godwit.transport.kernel.FileStatus;
import dev.godwit.transport.kernel.Libc;
import java.nio.file.Path;
import java.util.Optional;

/**
 * An open file at its offset.
 *
 * @param made whether it did not exist before
 */
record OpenedFile(Descriptor descriptor, String path, FileStatus identity, boolean made) {
  private static final int OWNER_ONLY = 0600;

  /** Without it, opening a pipe would wait for its other end; files do not mind. */
  private static final int FLAGS = Libc.O_CLOEXEC | Libc.O_NONBLOCK;

  static OpenedFile toRead(Endpoint endpoint) throws ChannelException {
    int fd = Libc.open(endpoint.address(), Libc.O_RDONLY | flags(endpoint), 0);
    if (fd < 0) {
      throw refused(endpoint, "read", -fd);
    }
    OpenedFile file = checked(endpoint, fd, false);
    long offset = offset(endpoint);
    if (file.identity.type() == FileStatus.Type.REGULAR && offset > file.identity.sizeBytes()) {
      file.descriptor.close(Descriptor.Manner.IN_ORDER);
      throw new ChannelException.Refused(
          endpoint.address()
              + " has "
              + file.identity.sizeBytes()
              + " bytes and so none at offset "
              + offset);
    }
    file.seek(endpoint, offset);
    return file;
  }

  static OpenedFile toWrite(Endpoint endpoint) throws ChannelException {
    String path = endpoint.address();
    int flags = Libc.O_WRONLY | Libc.O_CREAT | flags(endpoint);
    int fd = Libc.open(path, flags | Libc.O_EXCL, OWNER_ONLY);
    boolean made = fd >= 0;
    if (fd == -Errno.EEXIST) {
      // O_CREAT again, for a link that points to nothing yet.
      fd = Libc.open(path, flags, OWNER_ONLY);
    }
    if (fd < 0) {
      throw refused(endpoint, "write", -fd);
    }
    OpenedFile file = checked(endpoint, fd, made);
    boolean done = false;
    try {
      file.prepare(endpoint);
      done = true;
      return file;
    } finally {
      if (!done) {
        file.removeIfMade();
        file.descriptor.close(Descriptor.Manner.IN_ORDER);
      }
    }
  }

  private void prepare(Endpoint endpoint) throws ChannelException {
    long offset = offset(endpoint);
    boolean truncate = endpoint.settings().flag(FileTransport.TRUNCATE, true);
    if (truncate && identity.type() == FileStatus.Type.REGULAR) {
      Errno.check(
          Libc.ftruncate(descriptor.number(), offset),
          "Cannot cut " + path + " off at " + offset,
          "ftruncate");
    }
    seek(endpoint, offset);
    if (made) {
      syncDirectory();
    }
  }

  /**
   * The file's name must survive a crash as its bytes do; a directory that cannot is no failure.
   */
  private void syncDirectory() {
    Path parent = Path.of(path).toAbsolutePath().getParent();
    String name = parent == null ? "/" : parent.toString();
    int fd = Libc.open(name, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC, 0);
    if (fd >= 0) {
      Libc.fsync(fd);
      Libc.close(fd);
    }
  }

  private void seek(Endpoint endpoint, long offset) throws ChannelException {
    long result = offset == 0 ? 0 : Libc.lseek(descriptor.number(), offset, Libc.SEEK_SET);
    if (result < 0) {
      descriptor.close(Descriptor.Manner.IN_ORDER);
      throw Errno.failure(endpoint + " cannot be positioned", "lseek", (int) -result);
    }
  }

  /** Removes the file if it was made here and is still what its path names. */
  void removeIfMade() {
    if (made && FileStatus.of(path).map(identity::isSameFile).orElse(false)) {
      Libc.unlink(path);
    }
  }

  private static OpenedFile checked(Endpoint endpoint, int fd, boolean made)
      throws ChannelException {
    Optional<FileStatus> status = FileStatus.of(fd);
    String wrong =
        switch (status.map(FileStatus::type).orElse(FileStatus.Type.ANONYMOUS)) {
          case REGULAR, BLOCK_DEVICE, CHARACTER_DEVICE -> "";
          case PIPE -> "a pipe, which fd: and exec: are for";
          case SOCKET -> "a socket, which unix: is for";
          case DIRECTORY -> "a directory";
          case LINK, ANONYMOUS -> "no file";
        };
    if (status.isEmpty() || !wrong.isEmpty()) {
      Libc.close(fd);
      throw new ChannelException.Refused(endpoint.address() + " is " + wrong);
    }
    Descriptor file = isDirect(endpoint) ? Descriptor.directFile(fd) : Descriptor.file(fd);
    return new OpenedFile(file, endpoint.address(), status.get(), made);
  }

  private static int flags(Endpoint endpoint) {
    return isDirect(endpoint) ? FLAGS | Libc.O_DIRECT : FLAGS;
  }

  private static boolean isDirect(Endpoint endpoint) {
    return endpoint.settings().flag(FileTransport.DIRECT, false);
  }

  private static long offset(Endpoint endpoint) {
    return endpoint.settings().bytes(FileTransport.OFFSET, 0);
  }

  private static ChannelException refused(Endpoint endpoint, String what, int errno) {
    String path = endpoint.address();
    return switch (errno) {
      case Errno.ENOENT, Errno.ENOTDIR ->
          new ChannelException.Refused(
              what.equals("read")
                  ? "There is no file " + path
                  : "The directory of " + path + " does not exist");
      case Errno.EACCES, Errno.EPERM, Errno.EROFS ->
          new ChannelException.Refused("This process may not " + what + " " + path);
      case Errno.EISDIR -> new ChannelException.Refused(path + " is a directory");
      case Errno.ENXIO ->
          new ChannelException.Refused(
              path + " is a pipe or a socket, which fd: and unix: are for");
      case Errno.EINVAL ->
          isDirect(endpoint)
              ? new ChannelException.Unsupported(
                  "The file system of " + path + " has no direct I/O, leave out direct=on")
              : Errno.failure("Cannot " + what + " " + path, "open", errno);
      case Errno.ENOSPC, Errno.EDQUOT ->
          Errno.failure("There is no room left for " + path, "open", errno);
      default -> Errno.failure("Cannot " + what + " " + path, "open", errno);
    };
  }
}
