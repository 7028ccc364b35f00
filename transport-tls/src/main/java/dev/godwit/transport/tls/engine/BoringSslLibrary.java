package dev.godwit.transport.tls.engine;

import io.netty.internal.tcnative.Library;
import io.netty.internal.tcnative.SSL;
import io.netty.util.internal.NativeLibraryLoader;
import io.netty.util.internal.PlatformDependent;
import java.util.Optional;

/**
 * The native library, loaded once a process. Netty's own way to it makes a certificate and shakes
 * hands to see what works: half a second of CPU that no migration needs.
 */
final class BoringSslLibrary {
  /** Why it is not to be had on this host; empty if it is. */
  static final Optional<String> MISSING = loaded();

  private BoringSslLibrary() {}

  /** Loads it if nobody has. */
  static void load() {
    // Whoever calls has initialized this class, and that has loaded it.
  }

  private static Optional<String> loaded() {
    String name =
        "netty_tcnative_"
            + PlatformDependent.normalizedOs()
            + '_'
            + PlatformDependent.normalizedArch();
    try {
      NativeLibraryLoader.load(name, SSL.class.getClassLoader());
      Library.initialize("provided", null);
      return Optional.empty();
    } catch (Exception | LinkageError e) {
      return Optional.of("its library " + name + " does not load: " + e.getMessage());
    }
  }
}
