package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;

/**
 * A connected reliable queue pair with its completion queue, on its channel's rings. One thread
 * polls and sleeps at a time; {@link #wake} is for any. What is posted completes in order, once
 * each; a {@linkplain Work#QUIET_WRITE quiet write} only if it fails.
 */
interface QueuePair extends AutoCloseable {
  /** What the connection manager and the device tell. */
  enum Event {
    NONE,
    /** Nothing that matters here. */
    OTHER,
    /** The peer has ended the connection. */
    DISCONNECTED,
    /** The device is being taken away. */
    DEVICE_REMOVED,
    /** The port went down; it may come back before the retries end. */
    PORT_DOWN,
    /** The device gave up on this queue pair. */
    FATAL
  }

  /** Lets a frame of the peer come into a receive slot. */
  void postReceive(int slot) throws ChannelException;

  /** Sends a frame that stands in the rings. */
  void postSend(long work, long ringOffset, int length) throws ChannelException;

  /** Writes into the peer's memory. A length of 0 needs no keys. */
  void postWrite(
      long work, long address, int localKey, int length, long remoteAddress, int remoteKey)
      throws ChannelException;

  /** Takes completions, if there are any, and says how many. */
  int poll(Completions into) throws ChannelException;

  /** From now on a completion ends {@link #sleep}. */
  void arm() throws ChannelException;

  /** Returns when there may be a completion or an event, after a wake, or after so long. */
  void sleep(long nanos) throws ChannelException;

  /** Ends the sleep that is, or else the next one; never blocks. */
  void wake();

  /** What happened to the connection, if anything did. */
  Event nextEvent() throws ChannelException;

  /** Ends the connection; what is posted is flushed. Quiet if it has ended. */
  void disconnect();

  /** What a completion's status means. */
  String statusText(int status);

  /** The longest write. */
  int maxWriteBytes();

  /** Destroys everything; after that the device touches no memory for it. Idempotent. */
  @Override
  void close() throws ChannelException;
}
