package dev.godwit.transport;

/**
 * What making memory usable by a device has cost this side of a migration so far. The transport's
 * own buffers are not counted.
 *
 * @param registrations how often memory was registered, a part of a region at a time
 * @param nanos spent in that, in nanoseconds
 * @param mostBytes registered, and so pinned, at most at a time
 */
public record RegistrationStats(long registrations, long nanos, long mostBytes) {
  private static final RegistrationStats NONE = new RegistrationStats(0, 0, 0);

  /** Of a transport that has no device to register with. */
  public static RegistrationStats none() {
    return NONE;
  }
}
