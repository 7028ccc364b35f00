package dev.godwit.lab.embedded;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The 256 bytes that a processor writes at a time, eight to a number:
 *
 * <pre>
 * 0 writer | 8 sequence | 16 address | 24 … 247 payload made of those and the seed | 248 checksum
 * </pre>
 *
 * A record tells by itself whether it is whole and where it belongs; which sequence number it must
 * have is known to {@link Schedule}.
 */
final class GuestRecord {
  static final int BYTES = 256;

  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
  private static final int SEQUENCE_AT = 8;
  private static final int ADDRESS_AT = 16;
  private static final int PAYLOAD_AT = 24;
  private static final int CHECKSUM_AT = BYTES - 8;

  private GuestRecord() {}

  /**
   * @param address where {@code offset} of {@code memory} is in the guest
   */
  static void write(
      MemorySegment memory, long offset, long seed, int writer, long sequence, long address) {
    long sum = Mix.of(writer, sequence, address);
    memory.set(WORD, offset, writer);
    memory.set(WORD, offset + SEQUENCE_AT, sequence);
    memory.set(WORD, offset + ADDRESS_AT, address);
    long base = Mix.of(seed, sum);
    for (int at = PAYLOAD_AT; at < CHECKSUM_AT; at += 8) {
      long word = Mix.of(base + at);
      memory.set(WORD, offset + at, word);
      sum = Long.rotateLeft(sum, 5) ^ word;
    }
    memory.set(WORD, offset + CHECKSUM_AT, sum);
  }

  /** What is wrong with the record, as the rest of a sentence; empty if nothing is. */
  static String fault(
      MemorySegment memory, long offset, long seed, int writer, long sequence, long address) {
    long hasWriter = memory.get(WORD, offset);
    long hasSequence = memory.get(WORD, offset + SEQUENCE_AT);
    long hasAddress = memory.get(WORD, offset + ADDRESS_AT);
    long sum = Mix.of(hasWriter, hasSequence, hasAddress);
    long base = Mix.of(seed, sum);
    boolean payload = true;
    for (int at = PAYLOAD_AT; at < CHECKSUM_AT; at += 8) {
      long word = memory.get(WORD, offset + at);
      payload &= word == Mix.of(base + at);
      sum = Long.rotateLeft(sum, 5) ^ word;
    }
    boolean sound = payload && memory.get(WORD, offset + CHECKSUM_AT) == sum;
    if (sound && hasWriter == writer && hasAddress == address && hasSequence == sequence) {
      return "";
    }
    if (isZero(memory, offset)) {
      return "is zero, and must be write " + sequence;
    }
    if (!sound) {
      return "is damaged";
    }
    if (hasWriter != writer || hasAddress != address) {
      return String.format("belongs to processor %d at %#x", hasWriter, hasAddress);
    }
    return "is write " + hasSequence + ", and must be write " + sequence;
  }

  private static boolean isZero(MemorySegment memory, long offset) {
    for (int at = 0; at < BYTES; at += 8) {
      if (memory.get(WORD, offset + at) != 0) {
        return false;
      }
    }
    return true;
  }
}
