package dev.godwit.transport;

/**
 * A URI or a setting in it is wrong. The message is one sentence for the user who wrote it; nothing
 * has been opened yet.
 */
public final class EndpointException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  public EndpointException(String message) {
    super(message);
  }
}
