package dev.godwit.migration.engine;

import java.io.IOException;

/** A guest failed in something it was asked; the cause is what it threw. */
final class GuestFailure extends IOException {
  private static final long serialVersionUID = 1;

  GuestFailure(String message, Throwable cause) {
    super(message, cause);
  }
}
