package dev.godwit.channel.session;

import org.jspecify.annotations.Nullable;

/** A piece of a stream that was sent and not yet acknowledged; its limits never change. */
final class Chunk {
  final Stream stream;
  final long position;
  final int length;

  /** The link that carries it; null while it waits to be sent again. */
  @Nullable Link link;

  /** Set once it was computed, by the writer that sent it first. */
  int crc;

  boolean hasCrc;

  Chunk(Stream stream, long position, int length) {
    this.stream = stream;
    this.position = position;
    this.length = length;
  }

  long end() {
    return position + length;
  }
}
