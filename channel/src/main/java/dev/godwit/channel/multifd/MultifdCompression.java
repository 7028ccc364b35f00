package dev.godwit.channel.multifd;

import java.util.Locale;
import java.util.Optional;

/**
 * What a channel's payload travels in; both sides must be set to the same (qemu-wire.md §4.4,
 * §4.5). A new one is one constant here and its two codecs.
 */
public enum MultifdCompression {
  /** Pages as they are, straight from and to guest memory. */
  NONE(0x00, 0, 0),
  /** One zlib stream a channel, for the whole migration. */
  ZLIB(0x02, 0, 9),
  /** One zstd frame a channel, for the whole migration. */
  ZSTD(0x04, 0, 20);

  /** What QEMU takes where nobody says otherwise, of both compressions. */
  public static final int DEFAULT_LEVEL = 1;

  private final int bits;
  private final int minLevel;
  private final int maxLevel;

  MultifdCompression(int bits, int minLevel, int maxLevel) {
    this.bits = bits;
    this.minLevel = minLevel;
    this.maxLevel = maxLevel;
  }

  /** By QEMU's name in {@code multifd-compression}, such as {@code zstd}. */
  public static Optional<MultifdCompression> named(String name) {
    for (MultifdCompression compression : values()) {
      if (compression.toString().equals(name)) {
        return Optional.of(compression);
      }
    }
    return Optional.empty();
  }

  /** As it stands in a packet's flags. */
  public int bits() {
    return bits;
  }

  /** What the bits of a packet mean, also where Godwit does not read it. */
  public static String describe(int bits) {
    return switch (bits) {
      case 0x00 -> "none";
      case 0x02 -> "zlib";
      case 0x04 -> "zstd";
      case 0x08 -> "qpl";
      case 0x10 -> "uadk";
      case 0x20 -> "qatzip";
      default -> "0x" + Integer.toHexString(bits);
    };
  }

  /**
   * One channel's compressing side.
   *
   * @param level as QEMU takes it in {@code multifd-zlib-level} or {@code multifd-zstd-level}
   * @throws IllegalArgumentException if there is no such level, or nothing to compress
   */
  PageCompressor compressor(int level) {
    checkLevel(level);
    return switch (this) {
      case NONE -> throw new IllegalArgumentException("Plain pages are not compressed");
      case ZLIB -> new ZlibPages.Compressor(level);
      case ZSTD -> new ZstdPages.Compressor(level);
    };
  }

  /** One channel's other side. */
  PageDecompressor decompressor() {
    return switch (this) {
      case NONE -> throw new IllegalArgumentException("Plain pages are not compressed");
      case ZLIB -> new ZlibPages.Decompressor();
      case ZSTD -> new ZstdPages.Decompressor();
    };
  }

  void checkLevel(int level) {
    if (this != NONE && (level < minLevel || level > maxLevel)) {
      throw new IllegalArgumentException(
          "Level " + level + " of " + this + " is not from " + minLevel + " to " + maxLevel);
    }
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
