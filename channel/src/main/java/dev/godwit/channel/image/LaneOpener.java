package dev.godwit.channel.image;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;

/**
 * Opens one more channel onto the file that the main channel is onto, for pages that have their
 * places there. The channel belongs to whoever asked.
 */
@FunctionalInterface
public interface LaneOpener {
  Channel open() throws ChannelException;

  /** For what is no file: a mapped-ram image is refused. */
  static LaneOpener none() {
    return () -> {
      throw new ChannelException.Unsupported("Pages have places in files alone");
    };
  }
}
