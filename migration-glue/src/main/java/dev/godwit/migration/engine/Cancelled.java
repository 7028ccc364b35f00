package dev.godwit.migration.engine;

import java.io.IOException;

/** Somebody wants no migration any more, and says why. */
final class Cancelled extends IOException {
  private static final long serialVersionUID = 1;

  Cancelled(String why) {
    super("The migration was cancelled: " + why);
  }
}
