package dev.godwit.transport.kernel;

import dev.godwit.transport.Availability;
import java.util.Set;

/** Whether this package works here. */
public final class Kernel {
  private static final Set<String> ARCHITECTURES = Set.of("amd64", "x86_64", "aarch64");

  private Kernel() {}

  /** Available on Linux with 64 bits, where this JVM may call native code. */
  public static Availability availability() {
    String system = System.getProperty("os.name", "");
    String architecture = System.getProperty("os.arch", "");
    if (!system.equals("Linux") || !ARCHITECTURES.contains(architecture)) {
      return Availability.unavailable(
          "This needs Linux on x86-64 or aarch64, not " + system + " on " + architecture);
    }
    try {
      int unused = Libc.SOL_SOCKET + (int) Libc.ERRNO_BYTES;
      return unused > 0 ? Availability.available() : Availability.unavailable("No errno");
    } catch (LinkageError e) {
      return Availability.unavailable(
          "This JVM cannot call the C library ("
              + root(e)
              + "), start it with --enable-native-access=ALL-UNNAMED");
    }
  }

  private static Throwable root(Throwable t) {
    Throwable root = t;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root;
  }
}
