package dev.godwit.channel.stream;

import dev.godwit.transport.ChannelException;

/**
 * What stands in a main stream one after the other (qemu-wire.md §0). The body of a section follows
 * its {@link SectionHeader} and is no item; neither is the footer behind it.
 */
public sealed interface StreamItem
    permits FileHeader, Configuration, SectionHeader, Command, EndOfSections, VmDescription {

  /** Writes the bytes that it was read from. */
  void write(StreamOutput out) throws ChannelException;
}
