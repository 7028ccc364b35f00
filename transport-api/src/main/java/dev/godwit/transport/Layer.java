package dev.godwit.transport;

/**
 * Something between a channel and its user that a URI names: {@code tcp:host:port?throttle=100M}.
 * Found by {@link java.util.ServiceLoader}.
 *
 * <p>A layer applies to the side that names it. Several may be given: what is written passes them
 * in the order of the URI, the last one next to the wire. A layer that neither protects nor changes
 * bytes hands put and get on; every other places through its own write and read.
 */
public interface Layer {

  /** The setting's key. */
  String key();

  /** The values it takes, in one line, for help and for errors. */
  String grammar();

  /**
   * Reads a value; called once for a dialer or a listener, so that state which its channels share
   * begins here.
   *
   * @throws EndpointException if the value makes no sense
   */
  Wrapping configure(String value);

  /** One configured layer of one dialer or listener. */
  @FunctionalInterface
  interface Wrapping {
    /**
     * A channel above {@code inner}, which it owns from now on; if it throws, {@code inner} is
     * still the caller's.
     */
    Channel wrap(Channel inner) throws ChannelException;
  }
}
