package dev.godwit.transport.tls;

import dev.godwit.transport.tls.credentials.TestCredentials;
import java.nio.file.Path;

/** Settings of TLS as a URI has them, with credentials that are made for a test. */
final class TestUris {
  private TestUris() {}

  /**
   * Certificates, for both ends from one directory.
   *
   * @param engine empty for the usual one
   */
  static String x509(Path scratch, String engine) {
    Path directory = TestCredentials.in(scratch).host("hosta");
    return "tls-creds=" + directory + "&tls-hostname=hosta" + engine(engine);
  }

  static String psk(Path scratch) {
    return "tls-creds=" + TestCredentials.psk(scratch.resolve("psk"), "qemu");
  }

  static String anon() {
    return "tls=anon";
  }

  private static String engine(String engine) {
    return engine.isEmpty() ? "" : "&tls-engine=" + engine;
  }
}
