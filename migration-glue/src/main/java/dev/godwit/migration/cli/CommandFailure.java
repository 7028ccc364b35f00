package dev.godwit.migration.cli;

/** A command ends here: one sentence for the user, and the exit code. */
public final class CommandFailure extends Exception {
  private static final long serialVersionUID = 1;

  private final String sentence;
  private final ExitCode code;

  public CommandFailure(ExitCode code, String sentence) {
    super(sentence);
    this.code = code;
    this.sentence = sentence;
  }

  public ExitCode code() {
    return code;
  }

  public String sentence() {
    return sentence;
  }
}
