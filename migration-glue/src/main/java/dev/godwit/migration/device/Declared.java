package dev.godwit.migration.device;

import java.util.function.Predicate;

/**
 * A part as its format declares it.
 *
 * @param since version of the format that has it first
 */
record Declared<T>(Part<T> part, long since) {

  /** A subsection as its format declares it. */
  record Subsection<T>(StateFormat<T> format, Predicate<T> needed) {}
}
