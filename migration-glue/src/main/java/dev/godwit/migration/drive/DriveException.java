package dev.godwit.migration.drive;

/**
 * A migration was refused before anything was touched; the message is one sentence that says why.
 */
public final class DriveException extends Exception {
  private static final long serialVersionUID = 1;

  private final String sentence;

  DriveException(String sentence) {
    super(sentence);
    this.sentence = sentence;
  }

  @Override
  public String getMessage() {
    return sentence;
  }
}
