package dev.godwit.lab.rdma;

import java.util.Objects;

/** Where the lab VM's device is. */
final class Rdma {
  /** JUnit's tag of the tests that need a device. */
  static final String TAG = "softroce";

  private Rdma() {}

  /** The device's address. */
  static String address() {
    return Objects.requireNonNull(
        System.getProperty("godwit.rdma.address"), "These tests run in the lab VM only");
  }

  /** To listen at a free port with these settings, for example {@code pin-all=on}; may be empty. */
  static String uri(String settings) {
    return "rdma:" + address() + ":0" + (settings.isEmpty() ? "" : "?" + settings);
  }
}
