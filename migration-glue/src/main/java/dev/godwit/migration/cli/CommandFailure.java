package dev.godwit.migration.cli;

/** A command ends here: one sentence for the user, and the exit code. */
final class CommandFailure extends Exception {
  private static final long serialVersionUID = 1;

  private final String sentence;
  private final ExitCode code;

  CommandFailure(ExitCode code, String sentence) {
    super(sentence);
    this.code = code;
    this.sentence = sentence;
  }

  ExitCode code() {
    return code;
  }

  String sentence() {
    return sentence;
  }
}
