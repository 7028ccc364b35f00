package dev.godwit.lab.embedded;

/** In which order a processor of the lab guest changes its memory. */
public enum DirtyShape {
  /** Memory is never written; registers and clock go on. */
  IDLE,
  /** All of it equally often, in an order that looks random. */
  UNIFORM,
  /** Nine of ten writes go to a tenth of it. */
  HOT_SET,
  /** From its begin to its end, and again. */
  SEQUENTIAL
}
