package dev.godwit.transport.kernel;

import dev.godwit.transport.Availability;
import java.lang.invoke.MethodHandles;
import java.util.List;
import java.util.Set;

/** Whether this package works here. */
public final class Kernel {
  private static final Set<String> ARCHITECTURES = Set.of("amd64", "x86_64", "aarch64");

  /** Asked for once: a class that cannot be initialised tells the reason the first time only. */
  private static final class Answer {
    static final Availability DESCRIPTORS = probe(Libc.class, Errno.class, Accounts.class);
    static final Availability PROCESSES =
        DESCRIPTORS instanceof Availability.Available ? probe(Processes.class) : DESCRIPTORS;
  }

  private Kernel() {}

  /** Whether descriptors work: on Linux with 64 bits, where this JVM may call native code. */
  public static Availability availability() {
    return Answer.DESCRIPTORS;
  }

  /** Whether child processes work, too: with a C library such as glibc from 2.34 on. */
  public static Availability processAvailability() {
    return Answer.PROCESSES;
  }

  private static Availability probe(Class<?>... needed) {
    String system = System.getProperty("os.name", "");
    String architecture = System.getProperty("os.arch", "");
    if (!system.equals("Linux") || !ARCHITECTURES.contains(architecture)) {
      return Availability.unavailable(
          "This needs Linux on x86-64 or aarch64, not " + system + " on " + architecture);
    }
    try {
      for (Class<?> each : List.of(needed)) {
        MethodHandles.lookup().ensureInitialized(each);
      }
      return Availability.available();
    } catch (LinkageError | IllegalAccessException e) {
      Throwable root = e;
      while (root.getCause() != null) {
        root = root.getCause();
      }
      return Availability.unavailable(
          root instanceof IllegalCallerException
              ? "This JVM may not call the C library, start it with"
                  + " --enable-native-access=ALL-UNNAMED"
              : "The C library of this host cannot be used: " + root.getMessage());
    }
  }
}
