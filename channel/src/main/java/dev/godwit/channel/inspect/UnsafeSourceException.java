package dev.godwit.channel.inspect;

import java.io.IOException;

/**
 * A live source is set up so that its guest would be lost if it were inspected to the end. It was
 * broken off before it gave anything up; the message says which setting is in the way.
 */
public final class UnsafeSourceException extends IOException {
  private static final long serialVersionUID = 1;

  UnsafeSourceException(String sentence) {
    super(sentence);
  }
}
