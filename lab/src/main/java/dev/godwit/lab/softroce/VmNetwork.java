package dev.godwit.lab.softroce;

import java.nio.file.Path;

/** What the VM's only interface, {@code eth0} with the device {@code rxe0} on it, is wired to. */
public sealed interface VmNetwork {
  /** To nothing: the VM reaches its own address, and nobody else. */
  record Alone() implements VmNetwork {
    @Override
    public String hostname() {
      return "alone";
    }

    @Override
    public String address() {
      return "10.0.2.15";
    }

    @Override
    public String address6() {
      return "fd00::15";
    }
  }

  /**
   * To one other VM, as the end that starts first.
   *
   * @param socket that stands for the wire; made by this end
   */
  record Listening(Path socket) implements VmNetwork {
    @Override
    public String hostname() {
      return "first";
    }

    @Override
    public String address() {
      return "10.7.0.1";
    }

    @Override
    public String address6() {
      return "fd00:7::1";
    }
  }

  /**
   * To one other VM that listens already.
   *
   * @param socket that stands for the wire
   */
  record Connecting(Path socket) implements VmNetwork {
    @Override
    public String hostname() {
      return "second";
    }

    @Override
    public String address() {
      return "10.7.0.2";
    }

    @Override
    public String address6() {
      return "fd00:7::2";
    }
  }

  /** The name that the VM gives itself. */
  String hostname();

  /** The IPv4 address of eth0. */
  String address();

  /** The IPv6 address of eth0. */
  String address6();
}
