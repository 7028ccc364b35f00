package dev.godwit.transport;

/** Accepts incoming channels. Closing it does not close the channels it accepted. */
public interface Listener extends AutoCloseable {

  /** Where it listens, with the port that was chosen where 0 was asked for. */
  Endpoint local();

  /**
   * The next channel, in the order in which they were established. One thread accepts at a time.
   *
   * @throws ChannelException.TimedOut if none came by the deadline; the listener goes on
   */
  Channel accept(Deadline deadline) throws ChannelException;

  /**
   * Makes the accept that waits now and each later one fail with {@link ChannelException.Aborted};
   * any thread, never blocks.
   */
  void abort(Throwable cause);

  /** Stops listening and removes what listening left in the file system; idempotent. */
  @Override
  void close() throws ChannelException;
}
