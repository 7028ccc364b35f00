package dev.godwit.lab.embedded;

/** Numbers that look random and come from others alone. */
final class Mix {
  private static final long STEP = 0x9e3779b97f4a7c15L;

  private Mix() {}

  static long of(long a, long b) {
    return of(a * STEP + b);
  }

  static long of(long a, long b, long c) {
    return of(of(a, b), c);
  }

  /** One to one, and each bit of the result hangs on each bit of {@code value}. */
  static long of(long value) {
    long mixed = value + STEP;
    mixed = (mixed ^ (mixed >>> 30)) * 0xbf58476d1ce4e5b9L;
    mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
    return mixed ^ (mixed >>> 31);
  }
}
