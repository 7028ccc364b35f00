package dev.godwit.channel.returnpath;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Which pages of a RAM block have arrived, as a postcopy recovery tells them: page {@code i} is bit
 * {@code i % 8} of byte {@code i / 8}, padded with zeroes to whole words of 8 bytes (qemu-wire.md
 * §5.5). Immutable.
 */
public final class Bitmap {
  private final byte[] bits;

  /**
   * @param bits a whole number of words; they are copied
   */
  public Bitmap(byte[] bits) {
    this(bits.clone(), bits.length);
  }

  private Bitmap(byte[] own, int length) {
    if (length % Long.BYTES != 0) {
      throw new IllegalArgumentException(length + " bytes are no whole number of words");
    }
    this.bits = own;
  }

  /** Wraps {@code bits}, which become the bitmap's. */
  static Bitmap owning(byte[] bits) {
    return new Bitmap(bits, bits.length);
  }

  /** How long the bitmap of a block of so many pages is. */
  public static long bytesFor(long pages) {
    return (pages + Long.SIZE - 1) / Long.SIZE * Long.BYTES;
  }

  /** Whether page {@code page} has arrived; false beyond the last one. */
  public boolean has(long page) {
    long at = page / Byte.SIZE;
    return at < bits.length && (bits[(int) at] >> (page % Byte.SIZE) & 1) != 0;
  }

  public int lengthBytes() {
    return bits.length;
  }

  /** The bits as they travel, read-only. */
  public ByteBuffer bytes() {
    return ByteBuffer.wrap(bits).asReadOnlyBuffer();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Bitmap bitmap && Arrays.equals(bits, bitmap.bits);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bits);
  }

  @Override
  public String toString() {
    return "a bitmap of " + bits.length + " bytes";
  }
}
