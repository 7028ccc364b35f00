package dev.godwit.transport.kernel;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * What the kernel knows of a file, by statx, whose structure is the same on every architecture.
 *
 * @param device and {@code inode} tell files apart
 * @param sizeBytes of a regular file
 */
public record FileStatus(Type type, int mode, long device, long inode, long sizeBytes) {
  private static final int AT_FDCWD = -100;
  private static final int AT_SYMLINK_NOFOLLOW = 0x100;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int STATX_BASIC_STATS = 0x7ff;
  private static final int STATX_BYTES = 256;
  private static final int MODE = 28;
  private static final int INODE = 32;
  private static final int SIZE = 40;
  private static final int DEVICE_MAJOR = 136;
  private static final int DEVICE_MINOR = 140;

  /** What kind of file it is. */
  public enum Type {
    PIPE,
    CHARACTER_DEVICE,
    DIRECTORY,
    BLOCK_DEVICE,
    REGULAR,
    LINK,
    SOCKET,
    /** An event descriptor and the like. */
    ANONYMOUS
  }

  /** The file at {@code path}, a link itself and not what it points to; empty if there is none. */
  public static Optional<FileStatus> of(String path) {
    return of(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
  }

  /** An open file; empty if the descriptor is closed. */
  public static Optional<FileStatus> of(int fd) {
    return of(fd, "", AT_EMPTY_PATH);
  }

  /** Whether both are one file, under whatever name. */
  public boolean isSameFile(FileStatus other) {
    return device == other.device && inode == other.inode;
  }

  private static Optional<FileStatus> of(int directory, String path, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = arena.allocate(STATX_BYTES, 8);
      if (Libc.statx(directory, path, flags, STATX_BASIC_STATS, status) < 0) {
        return Optional.empty();
      }
      int mode = Short.toUnsignedInt(status.get(JAVA_SHORT, MODE));
      long device =
          (long) status.get(JAVA_INT, DEVICE_MAJOR) << 32
              | Integer.toUnsignedLong(status.get(JAVA_INT, DEVICE_MINOR));
      return Optional.of(
          new FileStatus(
              type(mode >> 12),
              mode & 07777,
              device,
              status.get(JAVA_LONG, INODE),
              status.get(JAVA_LONG, SIZE)));
    }
  }

  private static Type type(int format) {
    return switch (format) {
      case 1 -> Type.PIPE;
      case 2 -> Type.CHARACTER_DEVICE;
      case 4 -> Type.DIRECTORY;
      case 6 -> Type.BLOCK_DEVICE;
      case 8 -> Type.REGULAR;
      case 10 -> Type.LINK;
      case 12 -> Type.SOCKET;
      default -> Type.ANONYMOUS;
    };
  }
}
