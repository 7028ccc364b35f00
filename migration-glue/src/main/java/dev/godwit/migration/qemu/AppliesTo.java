package dev.godwit.migration.qemu;

/** Which of the two QEMUs a setting has to be made at. */
public enum AppliesTo {
  /** Only the source looks at it. */
  SOURCE("the source"),
  /** Only the destination looks at it. */
  DESTINATION("the destination"),
  /** It has to be the same at both, or the migration fails. */
  BOTH("both sides alike"),
  /** Each side may have its own. */
  EACH("each side for itself");

  private final String words;

  AppliesTo(String words) {
    this.words = words;
  }

  public boolean concerns(Side side) {
    return switch (this) {
      case SOURCE -> side == Side.SOURCE;
      case DESTINATION -> side == Side.DESTINATION;
      case BOTH, EACH -> true;
    };
  }

  @Override
  public String toString() {
    return words;
  }
}
