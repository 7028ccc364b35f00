package dev.godwit.channel.multifd;

import dev.godwit.channel.ram.PageUnits;
import java.util.Optional;
import java.util.UUID;

/**
 * What both sides of a migration agree on about its multifd channels, outside of the stream.
 *
 * @param dialect as the machine type says
 * @param channels how many, 1 to 255, besides the main channel
 * @param compression of every channel's payload
 * @param level of that compression, of the sender alone; ignored for plain pages
 * @param zeroPagesInPackets whether the sender looks for zero pages and lists them in its packets;
 *     otherwise whoever hands pages over writes zero pages on the main channel. A receiver takes
 *     both
 * @param guest the UUID that each channel names; a guest that has none is called {@link #NO_GUEST}.
 *     Without it a receiver takes any guest, but the same on all channels
 * @param pageBytes the target's page size
 * @param wholePages whether a block of huge pages travels in these, which are never compressed
 */
public record MultifdSettings(
    Dialect dialect,
    int channels,
    MultifdCompression compression,
    int level,
    boolean zeroPagesInPackets,
    Optional<UUID> guest,
    int pageBytes,
    boolean wholePages) {
  /** The id of a channel is one byte, and QEMU takes no more either. */
  public static final int MAX_CHANNELS = 255;

  /** A guest that has no UUID. */
  public static final UUID NO_GUEST = new UUID(0, 0);

  public MultifdSettings {
    if (channels < 1 || channels > MAX_CHANNELS) {
      throw new IllegalArgumentException(
          "There are 1 to " + MAX_CHANNELS + " multifd channels, not " + channels);
    }
    if (zeroPagesInPackets && dialect == Dialect.V7_2) {
      throw new IllegalArgumentException("Packets of QEMU 7.2 cannot list zero pages");
    }
    if (wholePages && compression != MultifdCompression.NONE) {
      throw new IllegalArgumentException("Whole pages cannot be compressed");
    }
    compression.checkLevel(level);
    MultifdPacket.pages(pageBytes);
  }

  /** Plain 4 KiB pages of a guest without a UUID, zero pages where the dialect has them. */
  public static MultifdSettings of(Dialect dialect, int channels) {
    return new MultifdSettings(
        dialect,
        channels,
        MultifdCompression.NONE,
        MultifdCompression.DEFAULT_LEVEL,
        dialect == Dialect.V10_0,
        Optional.of(NO_GUEST),
        4096,
        false);
  }

  /** The same with another compression. */
  public MultifdSettings with(MultifdCompression other, int otherLevel) {
    return new MultifdSettings(
        dialect, channels, other, otherLevel, zeroPagesInPackets, guest, pageBytes, wholePages);
  }

  /** The same for another guest. */
  public MultifdSettings with(UUID other) {
    return new MultifdSettings(
        dialect,
        channels,
        compression,
        level,
        zeroPagesInPackets,
        Optional.of(other),
        pageBytes,
        wholePages);
  }

  /** The same in another dialect, with zero pages where that has them. */
  public MultifdSettings with(Dialect other) {
    return new MultifdSettings(
        other, channels, compression, level, other == Dialect.V10_0, guest, pageBytes, wholePages);
  }

  /** The same for a receiver that does not know the guest. */
  public MultifdSettings withAnyGuest() {
    return new MultifdSettings(
        dialect,
        channels,
        compression,
        level,
        zeroPagesInPackets,
        Optional.empty(),
        pageBytes,
        wholePages);
  }

  /** The same for a target with other pages. */
  public MultifdSettings withPages(int otherBytes) {
    return new MultifdSettings(
        dialect, channels, compression, level, zeroPagesInPackets, guest, otherBytes, wholePages);
  }

  /** The same with zero pages on the main channel, as {@code zero-page-detection=legacy} has it. */
  public MultifdSettings withZeroPagesOnMain() {
    return new MultifdSettings(
        dialect, channels, compression, level, false, guest, pageBytes, wholePages);
  }

  /** The same with each block in pages of its own size. */
  public MultifdSettings withWholePages() {
    return new MultifdSettings(
        dialect, channels, compression, level, zeroPagesInPackets, guest, pageBytes, true);
  }

  /** In which units pages travel. */
  public PageUnits units() {
    return new PageUnits(pageBytes, wholePages);
  }
}
