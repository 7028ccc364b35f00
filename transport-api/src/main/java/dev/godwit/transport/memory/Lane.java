package dev.godwit.transport.memory;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import java.lang.foreign.MemorySegment;

/**
 * One direction of a connection: the sending end calls one half of the methods, the receiving end
 * the other. Once a lane is severed everything on it is {@link ChannelException.Lost Lost}; the
 * channel above knows whether its own side was the cause.
 */
sealed interface Lane permits PipeLane, DirectLane {

  /** Sends all of {@code src}, which is the caller's again on return. */
  void write(MemorySegment src) throws ChannelException;

  /** Sends a checked range of {@code src}, which may be read until {@link #settle} returns. */
  void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException;

  /** Makes all that was sent visible to the receiver. */
  void flush();

  /** Flushes and waits until no put reads the sender's memory. */
  void settle() throws ChannelException;

  /** Ends the sender's output in order; if it is in the middle of a write, severs the lane. */
  void end() throws ChannelException;

  long outstandingPuts();

  /** Receives at least one byte into {@code dst} and says how many, or -1 at the end. */
  long read(MemorySegment dst) throws ChannelException;

  /** Receives the next {@code length} bytes into a checked range of {@code dst}. */
  void get(Region dst, long dstOffset, long length) throws ChannelException;

  /** The receiver takes nothing more; the sender, and a reader that waits, lose the connection. */
  void deafen();

  /** Returns once no put of this lane touches memory; for a lane that was ended or given up. */
  void rest();

  /** The sender's half of a barrier: everything before it lands; waits for nobody else. */
  void arrive() throws ChannelException;

  /** The receiver's half of a barrier: waits until the sender's stands next. */
  void meet() throws ChannelException;

  /** Waits until the receiver has met what {@link #arrive} sent. */
  void awaitMet() throws ChannelException;

  /** Loses everything on the way, for both ends; the first reason stays. */
  void sever(String why);
}
