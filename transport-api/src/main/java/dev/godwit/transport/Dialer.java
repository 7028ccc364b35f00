package dev.godwit.transport;

/**
 * Makes the outgoing channels of one migration. Safe for use by many threads. Closing it does not
 * close its channels.
 */
public interface Dialer extends AutoCloseable {

  /** What is dialled. */
  Endpoint target();

  /** The memory registrations that all channels of this dialer share. */
  Peer peer();

  /**
   * Connects one channel and returns when it is established; channels dialled one after the other
   * are accepted in that order.
   *
   * @throws ChannelException.Refused if nobody listens there
   * @throws ChannelException.TimedOut if it is not established by the deadline
   */
  Channel dial(Deadline deadline) throws ChannelException;

  /**
   * Makes each dial that waits now or begins later fail with {@link ChannelException.Aborted}; any
   * thread, never blocks.
   */
  void abort(Throwable cause);

  @Override
  void close() throws ChannelException;
}
