package dev.godwit.channel.image;

/** How an image has its memory. */
public enum ImageLayout {
  /** As a migration carries it, a record a page; any QEMU reads it. */
  STREAM,
  /** Each page at its place in a file, which QEMU 10.0 and later read (qemu-wire.md §6). */
  MAPPED_RAM
}
