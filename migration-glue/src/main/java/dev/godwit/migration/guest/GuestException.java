package dev.godwit.migration.guest;

/** A guest could not do what it was asked. The message is one sentence without a full stop. */
public final class GuestException extends Exception {
  private static final long serialVersionUID = 1;

  public GuestException(String message) {
    super(message);
  }

  public GuestException(String message, Throwable cause) {
    super(message, cause);
  }
}
