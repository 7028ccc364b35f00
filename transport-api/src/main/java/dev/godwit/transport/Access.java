package dev.godwit.transport;

/** What may be done with a registered {@link Region}. */
public enum Access {
  /** Only this side's own {@code put} and {@code get} touch the memory. */
  LOCAL,
  /** The peer may place bytes here by {@code put}; it learns the region by its name. */
  REMOTE_WRITE
}
