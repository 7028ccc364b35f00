package dev.godwit.migration.engine;

/** Who a source sends to; it decides how the two agree on who runs the guest. */
public enum DestinationKind {
  /**
   * A Godwit. It starts the guest only after the source has given it up, and the source gives it up
   * only after all of it was loaded.
   */
  GODWIT,
  /**
   * A QEMU, or whoever else is at the end of a channel on which nobody can answer, which starts the
   * guest as soon as it has the whole stream. So the source gives it up before the stream's end; if
   * the connection is lost between that and QEMU's answer, nobody here knows whether it runs. Where
   * it says itself that it could not load the guest, the source has it.
   */
  QEMU,
  /** A file, which runs nothing: the guest is given up once the disk has all of it. */
  FILE
}
