package dev.godwit.channel.multifd;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where the sync marks of a migration stand and how its packets are filled (qemu-wire.md §4.4,
 * §4.6). Both sides take it from the machine type; a reader of packets takes either.
 */
public enum Dialect {
  /**
   * QEMU 7.2, and any later with a machine type up to 8.0: each EOS of the main channel is a sync
   * mark; zero pages are records of the main channel; fields that mean nothing are left as they
   * were.
   */
  V7_2,
  /**
   * QEMU 10.0 with a machine type from 8.1 on: the word 0x200 of the main channel is the sync mark;
   * packets may list zero pages; a packet that says nothing but SYNC is otherwise zero.
   */
  V10_0;

  private static final Pattern VERSION = Pattern.compile(".*-(\\d{1,3})\\.(\\d{1,3})");

  /** The last machine types with marks at each EOS, and with zero pages on the main channel. */
  private static final int LAST_WITH_MARKS_AT_EOS = 8_000;

  private static final int LAST_WITH_ZERO_PAGES_ON_MAIN = 8_002;

  /**
   * What a source with a machine of that type speaks, such as {@code pc-i440fx-7.2}. A type without
   * a version in its name counts as new.
   */
  public static Dialect ofMachine(String type) {
    return version(type) <= LAST_WITH_MARKS_AT_EOS ? V7_2 : V10_0;
  }

  /** Whether packets of such a source may list zero pages. */
  public static boolean zeroPagesInPackets(String type) {
    return version(type) > LAST_WITH_ZERO_PAGES_ON_MAIN;
  }

  private static int version(String type) {
    Matcher matcher = VERSION.matcher(type);
    return matcher.matches()
        ? 1000 * Integer.parseInt(matcher.group(1)) + Integer.parseInt(matcher.group(2))
        : Integer.MAX_VALUE;
  }
}
