package dev.godwit.transport;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What stands after the address in a URI: {@code key=value} pairs in the order they were written; a
 * key may repeat. Immutable.
 *
 * <p>Each typed reader names the key and what it expected in its {@link EndpointException}.
 */
public final class Settings {
  private static final Settings NONE = new Settings(List.of());
  private static final Pattern BYTES =
      Pattern.compile("(0[xX][0-9a-fA-F]+|[0-9]+)([kKmMgGtT])?[bB]?");
  private static final Pattern DURATION = Pattern.compile("([0-9]+)(us|ms|s|m)");

  /** One pair as written; the value holds neither {@code ?} nor {@code &}. */
  public record Setting(String key, String value) {
    public Setting {
      if (value.indexOf('?') >= 0 || value.indexOf('&') >= 0) {
        throw new EndpointException(
            "The value of setting " + key + " cannot hold ? or &, as '" + value + "' does");
      }
    }
  }

  private final List<Setting> all;

  private Settings(List<Setting> all) {
    this.all = List.copyOf(all);
  }

  public static Settings none() {
    return NONE;
  }

  public static Settings of(List<Setting> settings) {
    return settings.isEmpty() ? NONE : new Settings(settings);
  }

  public List<Setting> all() {
    return all;
  }

  /** Every value of {@code key}, in order. */
  public List<String> values(String key) {
    return all.stream().filter(s -> s.key().equals(key)).map(Setting::value).toList();
  }

  /** The value of a key that may stand once. */
  public Optional<String> text(String key) {
    List<String> values = values(key);
    if (values.size() > 1) {
      throw new EndpointException(
          "Setting "
              + key
              + " is given "
              + values.size()
              + " times, but it can have one value only");
    }
    return values.stream().findFirst();
  }

  /** {@code on} or {@code off}; a key without a value means {@code on}, as with QEMU. */
  public boolean flag(String key, boolean otherwise) {
    return text(key).map(v -> parseFlag(key, v)).orElse(otherwise);
  }

  /** A number of bytes, with QEMU's binary suffixes k, M, G, T. */
  public long bytes(String key, long otherwise) {
    return text(key).map(v -> parseBytes(key, v)).orElse(otherwise);
  }

  /** A number from {@code min} to {@code max}. */
  public int number(String key, int otherwise, int min, int max) {
    Optional<String> text = text(key);
    if (text.isEmpty()) {
      return otherwise;
    }
    try {
      int value = Integer.parseInt(text.get());
      if (value >= min && value <= max) {
        return value;
      }
    } catch (NumberFormatException e) {
      // Said below, together with the range.
    }
    throw new EndpointException(
        "Setting "
            + key
            + " must be a number from "
            + min
            + " to "
            + max
            + ", not '"
            + text.get()
            + "'");
  }

  /** A time such as {@code 20ms}; units are us, ms, s and m. */
  public Duration duration(String key, Duration otherwise) {
    return text(key).map(v -> parseDuration(key, v)).orElse(otherwise);
  }

  public static boolean parseFlag(String key, String value) {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "on", "yes", "true", "" -> true;
      case "off", "no", "false" -> false;
      default ->
          throw new EndpointException("Setting " + key + " must be on or off, not '" + value + "'");
    };
  }

  public static long parseBytes(String key, String value) {
    Matcher m = BYTES.matcher(value);
    if (m.matches()) {
      try {
        long number =
            Long.decode(
                m.group(1).startsWith("0x") || m.group(1).startsWith("0X")
                    ? m.group(1)
                    : stripZeros(m.group(1)));
        String unit = m.group(2) == null ? "" : m.group(2).toLowerCase(Locale.ROOT);
        int shift =
            switch (unit) {
              case "k" -> 10;
              case "m" -> 20;
              case "g" -> 30;
              case "t" -> 40;
              default -> 0;
            };
        return Math.multiplyExact(number, 1L << shift);
      } catch (ArithmeticException | NumberFormatException e) {
        throw new EndpointException("Setting " + key + " is too large: '" + value + "'");
      }
    }
    throw new EndpointException(
        "Setting "
            + key
            + " must be a number of bytes such as 4096, 64k or 100M, not '"
            + value
            + "'");
  }

  private static String stripZeros(String digits) {
    String stripped = digits.replaceFirst("^0+", "");
    return stripped.isEmpty() ? "0" : stripped;
  }

  public static Duration parseDuration(String key, String value) {
    Matcher m = DURATION.matcher(value);
    if (!m.matches()) {
      throw new EndpointException(
          "Setting " + key + " must be a time such as 20ms or 3s, not '" + value + "'");
    }
    try {
      long number = Long.parseLong(m.group(1));
      return switch (m.group(2)) {
        case "us" -> Duration.ofNanos(Math.multiplyExact(number, 1_000L));
        case "ms" -> Duration.ofMillis(number);
        case "s" -> Duration.ofSeconds(number);
        default -> Duration.ofMinutes(number);
      };
    } catch (ArithmeticException | NumberFormatException e) {
      throw new EndpointException("Setting " + key + " is too large: '" + value + "'");
    }
  }

  /** The same settings with one more at the end. */
  public Settings with(String key, String value) {
    List<Setting> more = new ArrayList<>(all);
    more.add(new Setting(key, value));
    return new Settings(more);
  }

  /** The same settings less all that have one of these keys. */
  public Settings without(Collection<String> keys) {
    return of(all.stream().filter(s -> !keys.contains(s.key())).toList());
  }

  /** Refuses any key that nobody here understands. */
  public void requireKnown(String scheme, Collection<String> known) {
    for (Setting setting : all) {
      if (!known.contains(setting.key())) {
        throw new EndpointException(
            "Unknown setting '"
                + setting.key()
                + "' for "
                + scheme
                + ":, known are "
                + String.join(", ", new TreeSet<>(known)));
      }
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Settings settings && settings.all.equals(all);
  }

  @Override
  public int hashCode() {
    return all.hashCode();
  }

  /** As it would be written after the question mark. */
  @Override
  public String toString() {
    return all.stream()
        .map(s -> s.value().isEmpty() ? s.key() : s.key() + "=" + s.value())
        .collect(Collectors.joining("&"));
  }
}
