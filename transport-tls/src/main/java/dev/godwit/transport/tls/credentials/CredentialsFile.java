package dev.godwit.transport.tls.credentials;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.Locale;

/** Reads files of credentials: small ones only, and secrets only if nobody else can read them. */
final class CredentialsFile {
  /** Far above any bundle of authorities; a file is refused before memory is taken for it. */
  static final int MOST_BYTES = 1 << 20;

  private static final int READABLE_BY_OTHERS = 0066;
  private static final int MODE_BITS = 07777;

  private CredentialsFile() {}

  /** Reads a file that holds no secret. */
  static byte[] read(Path file) throws CredentialsException {
    try {
      return bytes(file);
    } catch (IOException e) {
      throw failed(file, e);
    }
  }

  /**
   * Reads a file that holds a secret; the caller clears the array.
   *
   * @throws CredentialsException also if others than its owner can read or change it
   */
  static byte[] readSecret(Path file) throws CredentialsException {
    try {
      int mode = (int) Files.getAttribute(file, "unix:mode") & MODE_BITS;
      if ((mode & READABLE_BY_OTHERS) != 0) {
        throw new CredentialsException(
            String.format(
                Locale.ROOT,
                "%s holds a secret, but others can read or change it (mode %04o): chmod 600 %s",
                file,
                mode,
                file));
      }
      return bytes(file);
    } catch (IOException e) {
      throw failed(file, e);
    }
  }

  private static byte[] bytes(Path file) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
    if (!attributes.isRegularFile()) {
      throw new CredentialsException(file + " is not a file");
    }
    if (attributes.size() > MOST_BYTES) {
      throw new CredentialsException(
          String.format(
              Locale.ROOT,
              "%s has %d bytes, which is more than any credentials (%d)",
              file,
              attributes.size(),
              MOST_BYTES));
    }
    // Memory of our own, since a channel would leave its copy in a buffer that it keeps.
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        Arena arena = Arena.ofConfined()) {
      ByteBuffer buffer = arena.allocate(attributes.size()).asByteBuffer();
      try {
        while (buffer.hasRemaining() && channel.read(buffer) >= 0) {
          // Until all that was announced is there, or the file has become shorter.
        }
        byte[] bytes = new byte[buffer.flip().remaining()];
        buffer.get(bytes);
        return bytes;
      } finally {
        buffer.clear();
        while (buffer.hasRemaining()) {
          buffer.put((byte) 0);
        }
      }
    }
  }

  private static CredentialsException failed(Path file, IOException e) {
    return switch (e) {
      case CredentialsException known -> known;
      case NoSuchFileException _ -> new CredentialsException("There is no file " + file);
      default -> failed("Cannot read " + file, e);
    };
  }

  /** A sentence with what the system says, since only sentences reach the user. */
  static CredentialsException failed(String what, IOException e) {
    String reason =
        switch (e) {
          case AccessDeniedException _ -> "permission denied";
          case FileSystemException f when f.getReason() != null -> f.getReason();
          case FileSystemException _ -> e.getClass().getSimpleName();
          default -> String.valueOf(e.getMessage());
        };
    return new CredentialsException(what + " (" + reason + ")", e);
  }

  /** Clears what was a secret. */
  static void clear(byte[] secret) {
    Arrays.fill(secret, (byte) 0);
  }
}
