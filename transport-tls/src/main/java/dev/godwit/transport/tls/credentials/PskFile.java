package dev.godwit.transport.tls.credentials;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * {@code keys.psk}, as {@code psktool} writes it: lines {@code user:hexkey} (qemu-wire.md §7).
 * Empty lines and those that begin with {@code #} say nothing.
 */
final class PskFile {
  /** QEMU's and GnuTLS's own bound for a user name. */
  static final int MOST_IDENTITY_BYTES = 128;

  /** What {@code psktool} makes at the most. */
  static final int MOST_KEY_BYTES = 512;

  private PskFile() {}

  /**
   * @param user whose key is taken; empty for all
   */
  static List<PreSharedKey> read(Path file, Optional<String> user) throws CredentialsException {
    byte[] text = CredentialsFile.readSecret(file);
    List<PreSharedKey> keys = new ArrayList<>();
    boolean whole = false;
    try {
      Set<String> seen = new HashSet<>();
      int line = 0;
      for (int at = 0; at < text.length; ) {
        int end = at;
        while (end < text.length && text[end] != '\n') {
          end++;
        }
        line++;
        line(text, at, trim(text, at, end), file, line, user, seen, keys);
        at = end + 1;
      }
      if (seen.isEmpty()) {
        throw new CredentialsException(file + " has no key");
      }
      if (keys.isEmpty()) {
        throw new CredentialsException(
            file + " has no key of '" + user.orElse("") + "' (tls-username says whose to take)");
      }
      whole = true;
      return List.copyOf(keys);
    } finally {
      CredentialsFile.clear(text);
      if (!whole) {
        keys.forEach(PreSharedKey::close);
      }
    }
  }

  private static void line(
      byte[] text,
      int from,
      int to,
      Path file,
      int line,
      Optional<String> user,
      Set<String> seen,
      List<PreSharedKey> keys)
      throws CredentialsException {
    if (from == to || text[from] == '#') {
      return;
    }
    int colon = from;
    while (colon < to && text[colon] != ':') {
      colon++;
    }
    if (colon == to) {
      throw new CredentialsException(where(line, file) + " is not user:hexkey");
    }
    if (colon == from || colon - from > MOST_IDENTITY_BYTES) {
      throw new CredentialsException(
          where(line, file) + " must have a user name of 1 to " + MOST_IDENTITY_BYTES + " bytes");
    }
    String identity = identity(text, from, colon, file, line);
    if (!seen.add(identity)) {
      throw new CredentialsException(where(line, file) + " has a second key of '" + identity + "'");
    }
    byte[] key = key(text, colon + 1, to, file, line);
    if (user.isEmpty() || user.get().equals(identity)) {
      keys.add(new PreSharedKey(identity, key));
    } else {
      CredentialsFile.clear(key);
    }
  }

  private static String identity(byte[] text, int from, int to, Path file, int line)
      throws CredentialsException {
    try {
      String identity =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(text, from, to - from))
              .toString();
      if (identity.chars().noneMatch(Character::isISOControl)) {
        return identity;
      }
    } catch (CharacterCodingException _) {
      // Said below; a cause would add nothing.
    }
    throw new CredentialsException(where(line, file) + " has a user name that is no text");
  }

  private static byte[] key(byte[] text, int from, int to, Path file, int line)
      throws CredentialsException {
    int digits = to - from;
    if (digits == 0) {
      throw new CredentialsException(where(line, file) + " has an empty key");
    }
    if (digits % 2 != 0 || digits / 2 > MOST_KEY_BYTES) {
      throw new CredentialsException(
          where(line, file)
              + " must have a key of 1 to "
              + MOST_KEY_BYTES
              + " bytes, two hexadecimal digits each");
    }
    byte[] key = new byte[digits / 2];
    for (int i = 0; i < key.length; i++) {
      int high = Character.digit(text[from + 2 * i], 16);
      int low = Character.digit(text[from + 2 * i + 1], 16);
      if (high < 0 || low < 0) {
        Arrays.fill(key, (byte) 0);
        throw new CredentialsException(where(line, file) + " has a key that is not hexadecimal");
      }
      key[i] = (byte) (high << 4 | low);
    }
    return key;
  }

  private static int trim(byte[] text, int from, int to) {
    int end = to;
    while (end > from && (text[end - 1] == '\r' || text[end - 1] == ' ' || text[end - 1] == '\t')) {
      end--;
    }
    return end;
  }

  private static String where(int line, Path file) {
    return "Line " + line + " of " + file;
  }
}
