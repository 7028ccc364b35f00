package dev.godwit.migration.proxy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What this host has free, for guests that are kept here. */
public final class HostMemory {
  private static final Path MEMINFO = Path.of("/proc/meminfo");
  private static final Pattern AVAILABLE = Pattern.compile("MemAvailable:\\s+(\\d+) kB");

  private HostMemory() {}

  /** Bytes of memory; empty if the host does not say. */
  public static OptionalLong availableBytes() {
    try {
      Matcher found = AVAILABLE.matcher(Files.readString(MEMINFO, StandardCharsets.US_ASCII));
      return found.find()
          ? OptionalLong.of(Long.parseLong(found.group(1)) << 10)
          : OptionalLong.empty();
    } catch (IOException e) {
      return OptionalLong.empty();
    }
  }
}
