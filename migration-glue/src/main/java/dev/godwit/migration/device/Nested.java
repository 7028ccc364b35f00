package dev.godwit.migration.device;

import java.util.function.LongUnaryOperator;

/**
 * A format inside another.
 *
 * @param versions from the version of the outer one to its own, which is not on the wire
 */
record Nested<E>(StateFormat<E> format, LongUnaryOperator versions) {

  long version(long outer) {
    long version = versions.applyAsLong(outer);
    if (version < format.oldest() || version > format.version()) {
      throw new IllegalStateException(
          "Structure %s has no version %d, which version %d around it asks for"
              .formatted(format.name(), version, outer));
    }
    return version;
  }
}
