package dev.godwit.channel.stream;

import dev.godwit.transport.ChannelException;

/** Reads what a section holds, from behind its header up to its footer and no further. */
@FunctionalInterface
public interface SectionBody {
  void read(StreamInput in, SectionHeader header) throws ChannelException, StreamException;
}
