package dev.godwit.lab.engine;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;

/** Puts something around the channels of one side, in the order in which they come. */
@FunctionalInterface
public interface Wrapping {
  /** Leaves every channel as it is. */
  Wrapping NONE = (n, inner) -> inner;

  /**
   * @param n 0 for the first channel, which is the main one
   */
  Channel wrap(int n, Channel inner) throws ChannelException;
}
