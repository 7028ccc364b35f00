package dev.godwit.migration.qemu;

/** Settings that cannot be used; the message is one sentence for the user who wrote them. */
public final class SettingsException extends Exception {

  /** What the caller does next. */
  public enum Kind {
    /** No QEMU could make sense of them: the user has to write something else. */
    USAGE,
    /** They make sense, but not for this QEMU, which was left as it is. */
    REFUSED
  }

  private final Kind kind;

  private SettingsException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  static SettingsException usage(String message) {
    return new SettingsException(Kind.USAGE, message);
  }

  static SettingsException refused(String message) {
    return new SettingsException(Kind.REFUSED, message);
  }

  public Kind kind() {
    return kind;
  }
}
