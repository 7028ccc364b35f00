package dev.godwit.lab.guest;

/** The QEMUs that Godwit is tried against. */
public enum QemuVersion {
  /** Debian 12's own, installed as a package. */
  V7_2("7.2", "GODWIT_QEMU_7_2"),
  /** That of bookworm-backports, unpacked beside it. */
  V10_0("10.0", "GODWIT_QEMU_10_0");

  private final String number;
  private final String variable;

  QemuVersion(String number, String variable) {
    this.number = number;
    this.variable = variable;
  }

  /** As QEMU says it: major and minor. */
  public String number() {
    return number;
  }

  /** Name of the environment variable that names another binary of this version. */
  public String variable() {
    return variable;
  }

  @Override
  public String toString() {
    return "QEMU " + number;
  }
}
