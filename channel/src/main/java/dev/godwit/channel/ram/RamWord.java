package dev.godwit.channel.ram;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * The word that begins every record of a RAM section (qemu-wire.md §3.1).
 *
 * <pre>
 *  63                              page bits            0
 * +--------------------------------+---------------------+
 * | address: offset in a RAM block | flags, up to 0x200  |
 * +--------------------------------+---------------------+
 * </pre>
 *
 * The address is aligned to the target's page, and flags stay below 1 KiB, the smallest page of any
 * target.
 */
public final class RamWord {
  /** Obsolete; never sent, and refused. */
  public static final int FULL = 0x001;

  public static final int ZERO = 0x002;
  public static final int MEM_SIZE = 0x004;
  public static final int PAGE = 0x008;
  public static final int EOS = 0x010;

  /** A modifier of page records: no block name follows, the last one holds. */
  public static final int CONTINUE = 0x020;

  public static final int XBZRLE = 0x040;

  /** Pages land with no record at all, as over RDMA in QEMU's own dialect. */
  public static final int HOOK = 0x080;

  /** Until 9.0. */
  public static final int COMPRESS_PAGE = 0x100;

  /** Since 8.1. */
  public static final int MULTIFD_FLUSH = 0x200;

  private static final List<String> NAMES =
      List.of(
          "FULL",
          "ZERO",
          "MEM_SIZE",
          "PAGE",
          "EOS",
          "CONTINUE",
          "XBZRLE",
          "HOOK",
          "COMPRESS_PAGE",
          "MULTIFD_FLUSH");

  private RamWord() {}

  /**
   * @param pageBytes the target's page size
   */
  public static int flags(long word, int pageBytes) {
    return (int) word & (pageBytes - 1);
  }

  /**
   * @param pageBytes the target's page size
   */
  public static long address(long word, int pageBytes) {
    return word & -(long) pageBytes;
  }

  /** The names of all flags that are set, such as {@code PAGE|CONTINUE}; 0 is {@code nothing}. */
  public static String names(int flags) {
    List<String> set = new ArrayList<>();
    for (int bit = 0; bit < Integer.SIZE; bit++) {
      if (((flags >>> bit) & 1) != 0) {
        set.add(bit < NAMES.size() ? NAMES.get(bit) : hex(1L << bit));
      }
    }
    return set.isEmpty() ? "nothing" : String.join("|", set);
  }

  static String hex(long value) {
    String digits = HexFormat.of().toHexDigits(value).replaceFirst("^0+(?=.)", "");
    return "0x" + digits;
  }
}
