package dev.godwit.transport.testkit;

import java.util.Arrays;
import java.util.Random;

/** Bytes with damage at random, for whoever must bear any. */
public final class Mutant {
  /** Values at which lengths, counts and flags change their meaning. */
  private static final int[] EDGES = {0x00, 0x01, 0x05, 0x7E, 0x7F, 0x80, 0xFE, 0xFF};

  /** Where damage goes. */
  @FunctionalInterface
  public interface Aim {
    /**
     * @param length of the bytes, at least 1
     */
    int at(Random random, int length);
  }

  private Mutant() {}

  /** {@code sample} with one to three changes anywhere; the sample stays as it is. */
  public static byte[] of(byte[] sample, Random random) {
    return of(sample, random, Random::nextInt);
  }

  /** {@code sample} with one to three changes where {@code aim} says; the sample stays as it is. */
  public static byte[] of(byte[] sample, Random random, Aim aim) {
    byte[] mutant = sample.clone();
    for (int changes = 1 + random.nextInt(3); changes > 0 && mutant.length > 0; changes--) {
      int at = Math.min(aim.at(random, mutant.length), mutant.length - 1);
      switch (random.nextInt(6)) {
        case 0 -> mutant[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> mutant[at] = (byte) EDGES[random.nextInt(EDGES.length)];
        case 2 -> mutant[at] = (byte) random.nextInt();
        case 3 -> mutant = Arrays.copyOf(mutant, at);
        case 4 -> mutant = without(mutant, at, 1 + random.nextInt(8));
        default -> mutant = doubled(mutant, at, 1 + random.nextInt(8));
      }
    }
    return mutant;
  }

  private static byte[] without(byte[] bytes, int at, int count) {
    int end = Math.min(bytes.length, at + count);
    byte[] rest = Arrays.copyOf(bytes, bytes.length - (end - at));
    System.arraycopy(bytes, end, rest, at, bytes.length - end);
    return rest;
  }

  private static byte[] doubled(byte[] bytes, int at, int count) {
    int end = Math.min(bytes.length, at + count);
    byte[] more = Arrays.copyOf(bytes, bytes.length + (end - at));
    System.arraycopy(bytes, at, more, end, bytes.length - at);
    return more;
  }
}
