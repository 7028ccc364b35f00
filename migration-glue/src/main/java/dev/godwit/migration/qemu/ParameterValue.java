package dev.godwit.migration.qemu;

import java.math.BigInteger;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The value of a migration parameter. {@code toString} gives it as a user would write it. */
public sealed interface ParameterValue {

  /** On or off. */
  record Flag(boolean on) implements ParameterValue {
    @Override
    public String toString() {
      return on ? "on" : "off";
    }
  }

  /** An unsigned 64-bit number, in the parameter's unit. */
  record Whole(long value) implements ParameterValue {
    @Override
    public String toString() {
      return Long.toUnsignedString(value);
    }
  }

  /** A text or one of a set of words. */
  record Word(String text) implements ParameterValue {
    @Override
    public String toString() {
      return text;
    }
  }

  /** What QEMU reports, or empty for a structure, which no setting here can carry. */
  static Optional<ParameterValue> of(JsonNode node) {
    if (node.isBoolean()) {
      return Optional.of(new Flag(node.booleanValue()));
    }
    if (node.isIntegralNumber()) {
      return Optional.of(new Whole(node.bigIntegerValue().longValue()));
    }
    if (node.isString()) {
      return Optional.of(new Word(node.stringValue()));
    }
    return Optional.empty();
  }

  /** Adds this value to a command's arguments. */
  default void putInto(ObjectNode arguments, String name) {
    switch (this) {
      case Flag flag -> arguments.put(name, flag.on());
      case Whole whole -> arguments.put(name, new BigInteger(Long.toUnsignedString(whole.value())));
      case Word word -> arguments.put(name, word.text());
    }
  }
}
