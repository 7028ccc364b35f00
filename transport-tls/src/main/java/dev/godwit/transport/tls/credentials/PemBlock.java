package dev.godwit.transport.tls.credentials;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

/**
 * One block of a PEM file (RFC 7468). No text of a file becomes a string but its labels, since what
 * is between them may be a secret.
 */
final class PemBlock implements AutoCloseable {
  private static final byte[] BEGIN = ascii("-----BEGIN ");
  private static final byte[] END = ascii("-----END ");
  private static final byte[] DASHES = ascii("-----");
  private static final byte[] ENCRYPTED = ascii("ENCRYPTED");
  private static final int MOST_BLOCKS = 256;
  private static final int MOST_LABEL_BYTES = 64;

  private final String label;
  private final boolean legacyEncrypted;
  private final byte[] der;

  /**
   * @param der belongs to this object from now on
   */
  PemBlock(String label, boolean legacyEncrypted, byte[] der) {
    this.label = label;
    this.legacyEncrypted = legacyEncrypted;
    this.der = der;
  }

  /** For example {@code CERTIFICATE}. */
  String label() {
    return label;
  }

  /** Whether it is encrypted in OpenSSL's old way (RFC 1421 headers). */
  boolean legacyEncrypted() {
    return legacyEncrypted;
  }

  /** The content itself, all zero once this is closed. */
  byte[] der() {
    return der;
  }

  @Override
  public void close() {
    Arrays.fill(der, (byte) 0);
  }

  /** Without the content. */
  @Override
  public String toString() {
    return label;
  }

  /**
   * All blocks of a file; what is outside of blocks is a comment.
   *
   * @param text is not changed
   * @param file for the messages
   */
  static List<PemBlock> parse(byte[] text, Path file) throws CredentialsException {
    List<PemBlock> blocks = new ArrayList<>();
    boolean whole = false;
    try {
      int at = 0;
      while (at < text.length) {
        int end = lineEnd(text, at);
        if (startsWith(text, at, end, BEGIN)) {
          if (blocks.size() == MOST_BLOCKS) {
            throw new CredentialsException(file + " has more than " + MOST_BLOCKS + " PEM blocks");
          }
          at = block(text, at, end, file, blocks);
        } else {
          at = end + 1;
        }
      }
      whole = true;
      return blocks;
    } finally {
      if (!whole) {
        blocks.forEach(PemBlock::close);
      }
    }
  }

  /** Takes the block whose first line is given; returns where the next line begins. */
  private static int block(byte[] text, int start, int firstEnd, Path file, List<PemBlock> blocks)
      throws CredentialsException {
    String label = label(text, start + BEGIN.length, firstEnd, file);
    byte[] encoded = new byte[text.length - Math.min(text.length, firstEnd + 1)];
    int length = 0;
    boolean headers = false;
    boolean encrypted = false;
    try {
      int at = firstEnd + 1;
      while (at < text.length) {
        int end = lineEnd(text, at);
        if (startsWith(text, at, end, END)) {
          if (!label.equals(label(text, at + END.length, end, file))) {
            break;
          }
          blocks.add(new PemBlock(label, encrypted, decode(encoded, length, label, file)));
          return end + 1;
        }
        if (contains(text, at, end, (byte) ':')) {
          headers = true;
          encrypted |= indexOf(text, at, end, ENCRYPTED) >= 0;
        } else if (headers
            && length == 0
            && trimmedLength(text, at, end) > 0
            && continues(text, at)) {
          // A header that goes on in the next line is no content.
          encrypted |= indexOf(text, at, end, ENCRYPTED) >= 0;
        } else {
          length = collect(text, at, end, encoded, length);
        }
        at = end + 1;
      }
      throw new CredentialsException(
          "The block '" + label + "' of " + file + " has no line 'END " + label + "'");
    } finally {
      Arrays.fill(encoded, (byte) 0);
    }
  }

  private static boolean continues(byte[] text, int at) {
    return text[at] == ' ' || text[at] == '\t';
  }

  private static int collect(byte[] text, int at, int end, byte[] encoded, int length) {
    int n = length;
    for (int i = at; i < end; i++) {
      if (text[i] > ' ' || text[i] < 0) {
        encoded[n++] = text[i];
      }
    }
    return n;
  }

  private static byte[] decode(byte[] encoded, int length, String label, Path file)
      throws CredentialsException {
    byte[] exact = Arrays.copyOf(encoded, length);
    int padding = 0;
    while (padding < length && exact[length - 1 - padding] == '=') {
      padding++;
    }
    byte[] der = new byte[Math.max(0, (length - padding) * 3 / 4)];
    try {
      if (der.length == 0 || Base64.getDecoder().decode(exact, der) != der.length) {
        throw damaged(label, file);
      }
      return der;
    } catch (IllegalArgumentException _) {
      // Its message would tell bytes of the content.
      Arrays.fill(der, (byte) 0);
      throw damaged(label, file);
    } finally {
      Arrays.fill(exact, (byte) 0);
    }
  }

  private static CredentialsException damaged(String label, Path file) {
    return new CredentialsException("The block '" + label + "' of " + file + " is not Base64");
  }

  private static String label(byte[] text, int from, int lineEnd, Path file)
      throws CredentialsException {
    int to = from;
    while (to < lineEnd && isOfLabel(text[to])) {
      to++;
    }
    if (to == from
        || to - from > MOST_LABEL_BYTES
        || !startsWith(text, to, lineEnd, DASHES)
        || trimmedLength(text, to, lineEnd) != DASHES.length) {
      throw new CredentialsException(file + " has a PEM line without a proper label");
    }
    return new String(text, from, to - from, StandardCharsets.US_ASCII);
  }

  private static boolean isOfLabel(byte c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ';
  }

  private static int lineEnd(byte[] text, int from) {
    int end = from;
    while (end < text.length && text[end] != '\n') {
      end++;
    }
    return end;
  }

  private static int trimmedLength(byte[] text, int from, int to) {
    int end = to;
    while (end > from && text[end - 1] >= 0 && text[end - 1] <= ' ') {
      end--;
    }
    return end - from;
  }

  private static boolean contains(byte[] text, int from, int to, byte wanted) {
    for (int i = from; i < to; i++) {
      if (text[i] == wanted) {
        return true;
      }
    }
    return false;
  }

  private static int indexOf(byte[] text, int from, int to, byte[] wanted) {
    for (int i = from; i + wanted.length <= to; i++) {
      if (startsWith(text, i, to, wanted)) {
        return i;
      }
    }
    return -1;
  }

  private static boolean startsWith(byte[] text, int from, int to, byte[] prefix) {
    return to - from >= prefix.length
        && Arrays.equals(text, from, from + prefix.length, prefix, 0, prefix.length);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  /** The block as text; the caller clears it if it is a secret. */
  static byte[] text(String label, byte[] der) {
    byte[] content = Base64.getMimeEncoder(64, new byte[] {'\n'}).encode(der);
    byte[] begin = ascii("-----BEGIN " + label + "-----\n");
    byte[] end = ascii("\n-----END " + label + "-----\n");
    byte[] text = new byte[begin.length + content.length + end.length];
    System.arraycopy(begin, 0, text, 0, begin.length);
    System.arraycopy(content, 0, text, begin.length, content.length);
    System.arraycopy(end, 0, text, begin.length + content.length, end.length);
    Arrays.fill(content, (byte) 0);
    return text;
  }
}
