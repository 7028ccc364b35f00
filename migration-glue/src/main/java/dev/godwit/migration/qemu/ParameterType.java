package dev.godwit.migration.qemu;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What values a migration parameter takes, how a user writes them and how they are checked. */
public sealed interface ParameterType {

  /** The value that {@code text} stands for, or empty if it is none of this type. */
  Optional<ParameterValue> read(String text);

  /** The values of this type in words, as in "it takes ...". */
  String expected();

  /** On or off, in any of the spellings that QEMU knows. */
  record OnOff() implements ParameterType {
    private static final List<String> ON = List.of("on", "yes", "true", "y");
    private static final List<String> OFF = List.of("off", "no", "false", "n");

    @Override
    public Optional<ParameterValue> read(String text) {
      return flag(text).map(ParameterValue.Flag::new);
    }

    static Optional<Boolean> flag(String text) {
      if (ON.contains(text)) {
        return Optional.of(true);
      }
      return OFF.contains(text) ? Optional.of(false) : Optional.empty();
    }

    @Override
    public String expected() {
      return "on or off";
    }
  }

  /**
   * A whole number.
   *
   * @param min the least that QEMU accepts
   * @param max the most that is accepted
   * @param unit what is counted, such as {@code ms}, or an empty text
   */
  record Count(long min, long max, String unit) implements ParameterType {
    private static final Pattern DIGITS = Pattern.compile("[0-9]{1,19}");

    @Override
    public Optional<ParameterValue> read(String text) {
      if (!DIGITS.matcher(text).matches()) {
        return Optional.empty();
      }
      BigInteger value = new BigInteger(text);
      boolean inRange =
          value.compareTo(BigInteger.valueOf(min)) >= 0
              && value.compareTo(BigInteger.valueOf(max)) <= 0;
      return inRange ? Optional.of(new ParameterValue.Whole(value.longValue())) : Optional.empty();
    }

    @Override
    public String expected() {
      String range = max == Long.MAX_VALUE ? "of at least " + min : "from " + min + " to " + max;
      return "a whole number " + range + (unit.isEmpty() ? "" : " (" + unit + ")");
    }
  }

  /**
   * A number of bytes, plain or with one of QEMU's suffixes K, M, G, T, P, E for powers of 1024,
   * which may follow a decimal fraction.
   *
   * @param min the least that QEMU accepts
   * @param powerOfTwo whether only powers of two are accepted
   * @param unit {@code bytes} or {@code bytes per second}
   */
  record Size(long min, boolean powerOfTwo, String unit) implements ParameterType {
    private static final Pattern SHAPE =
        Pattern.compile("(?<number>[0-9]{1,19}(?<fraction>\\.[0-9]{1,9})?)(?<suffix>[BKMGTPE])?");
    private static final String SUFFIXES = "BKMGTPE";
    private static final BigInteger MAX = BigInteger.valueOf(Long.MAX_VALUE);

    @Override
    public Optional<ParameterValue> read(String text) {
      Matcher shape = SHAPE.matcher(text.toUpperCase(Locale.ROOT));
      if (!shape.matches()) {
        return Optional.empty();
      }
      String suffix = shape.group("suffix");
      int power = suffix == null ? 0 : SUFFIXES.indexOf(suffix);
      if (shape.group("fraction") != null && power == 0) {
        return Optional.empty();
      }
      BigInteger bytes =
          new BigDecimal(shape.group("number"))
              .multiply(new BigDecimal(BigInteger.ONE.shiftLeft(10 * power)))
              .setScale(0, RoundingMode.DOWN)
              .toBigInteger();
      if (bytes.compareTo(MAX) > 0 || bytes.longValue() < min) {
        return Optional.empty();
      }
      if (powerOfTwo && bytes.bitCount() != 1) {
        return Optional.empty();
      }
      return Optional.of(new ParameterValue.Whole(bytes.longValue()));
    }

    @Override
    public String expected() {
      return powerOfTwo
          ? "a power of two of at least %d %s, such as 64M".formatted(min, unit)
          : "a number of %s, such as 100M or 1.5G".formatted(unit);
    }
  }

  /** One of a set of words. */
  record Choice(List<Option> options) implements ParameterType {
    /**
     * One of the words.
     *
     * @param word QEMU's spelling
     * @param lifetime which releases know it; a build may still leave it out
     */
    public record Option(String word, Lifetime lifetime) {}

    public Choice {
      options = List.copyOf(options);
    }

    @Override
    public Optional<ParameterValue> read(String text) {
      return option(text).map(option -> new ParameterValue.Word(option.word()));
    }

    Optional<Option> option(String word) {
      return options.stream().filter(option -> option.word().equals(word)).findFirst();
    }

    @Override
    public String expected() {
      return options.stream().map(Option::word).collect(Collectors.joining(", ", "one of ", ""));
    }
  }

  /** Any text; an empty one stands for none. */
  record Text() implements ParameterType {
    @Override
    public Optional<ParameterValue> read(String text) {
      return Optional.of(new ParameterValue.Word(text));
    }

    @Override
    public String expected() {
      return "a text";
    }
  }

  /** A structure, which no single setting can carry. */
  record Structure() implements ParameterType {
    @Override
    public Optional<ParameterValue> read(String text) {
      return Optional.empty();
    }

    @Override
    public String expected() {
      return "a JSON structure over QMP";
    }
  }
}
