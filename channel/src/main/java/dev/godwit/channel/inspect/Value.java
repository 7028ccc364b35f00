package dev.godwit.channel.inspect;

import java.math.BigInteger;
import java.util.HexFormat;
import java.util.List;

/** The value of a field. */
public sealed interface Value {

  /**
   * A whole number: all of {@code int8} to {@code uint64}, and timers, which are nanoseconds of the
   * guest's clock or -1.
   *
   * @param bits as a two's complement number
   * @param unsigned whether what is negative stands for a number above {@link Long#MAX_VALUE}
   */
  record Whole(long bits, boolean unsigned) implements Value {
    public BigInteger number() {
      return unsigned ? new BigInteger(Long.toUnsignedString(bits)) : BigInteger.valueOf(bits);
    }

    @Override
    public String toString() {
      return unsigned ? Long.toUnsignedString(bits) : Long.toString(bits);
    }
  }

  /** A truth; any byte but 0 is true. */
  record Truth(boolean value) implements Value {
    @Override
    public String toString() {
      return Boolean.toString(value);
    }
  }

  /** Where an array of pointers has none. */
  record Absent() implements Value {
    @Override
    public String toString() {
      return "none";
    }
  }

  /**
   * Bytes of which the stream says no more.
   *
   * @param bytes nobody changes them
   */
  @SuppressWarnings("ArrayRecordComponent") // Nobody compares two of them.
  record Bytes(byte[] bytes) implements Value {
    /** In hexadecimal, whole. */
    @Override
    public String toString() {
      return HexFormat.of().formatHex(bytes);
    }
  }

  /** A structure. */
  record Struct(DecodedState state) implements Value {}

  /** An array, or what was listed one by one. */
  record Items(List<Value> values) implements Value {
    public Items {
      values = List.copyOf(values);
    }
  }
}
