package dev.godwit.transport.testkit;

import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The seed of a random test, printed so that a failure can be repeated with {@code
 * -Dgodwit.seed=N}.
 */
public final class Seed {
  private static final String PROPERTY = "godwit.seed";

  private final long value;

  private Seed(long value) {
    this.value = value;
  }

  /** The seed that {@code -Dgodwit.seed} gives, else a fresh one; prints it beside {@code test}. */
  public static Seed of(String test) {
    String given = System.getProperty(PROPERTY, "");
    long value =
        given.isEmpty() ? ThreadLocalRandom.current().nextLong(1L << 48) : Long.parseLong(given);
    System.out.println(test + ": -D" + PROPERTY + "=" + value);
    return new Seed(value);
  }

  public long value() {
    return value;
  }

  /** A generator that starts at this seed; the same each time it is asked for. */
  public Random random() {
    return new Random(value);
  }

  /** A generator of its own for the {@code n}-th thread or round. */
  public Random random(int n) {
    return new Random(new SplittableRandom(value + n).nextLong());
  }

  @Override
  public String toString() {
    return Long.toString(value);
  }
}
