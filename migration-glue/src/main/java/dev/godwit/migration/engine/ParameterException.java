package dev.godwit.migration.engine;

import java.util.List;

/** Parameters that no migration can run with. The message tells all that is wrong with them. */
public final class ParameterException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  @SuppressWarnings("serial") // An unmodifiable list of strings.
  private final List<String> problems;

  ParameterException(List<String> problems) {
    super(String.join("; ", problems));
    this.problems = List.copyOf(problems);
  }

  /** What is wrong, one sentence each, without a full stop. */
  public List<String> problems() {
    return problems;
  }
}
