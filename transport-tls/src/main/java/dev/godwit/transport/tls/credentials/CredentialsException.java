package dev.godwit.transport.tls.credentials;

import java.io.IOException;

/** A directory of credentials cannot be used; the message is one sentence that names the file. */
public final class CredentialsException extends IOException {
  private static final long serialVersionUID = 1;

  public CredentialsException(String sentence) {
    super(sentence);
  }

  public CredentialsException(String sentence, Throwable cause) {
    super(sentence, cause);
  }
}
