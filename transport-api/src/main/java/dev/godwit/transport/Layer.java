package dev.godwit.transport;

import java.util.Map;

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
   * Further settings that belong to it, each with what it means in one line. A URI that has one of
   * them names the layer, even without its key.
   */
  Map<String, String> settings();

  /** Who can read the bytes above {@code beneath} once they pass this layer. */
  Protection protection(Protection beneath);

  /**
   * Whether {@link Wrapping#wrap} waits for the peer. A listener then wraps many channels at a
   * time, so that none holds up the others.
   */
  boolean waits();

  /**
   * Reads what a URI says; called once for a dialer or a listener and each time that the URI names
   * the layer, so that state which its channels share begins here.
   *
   * @throws EndpointException if the value makes no sense
   */
  Wrapping configure(Naming naming);

  /**
   * How a URI names a layer.
   *
   * @param endpoint the whole of it
   * @param side which end the URI is of
   * @param value of the layer's key; empty if only further settings of it are given
   */
  record Naming(Endpoint endpoint, Side side, String value) {}

  /** An end of a channel. */
  enum Side {
    DIALLING,
    ACCEPTING
  }

  /** One configured layer of one dialer or listener. */
  @FunctionalInterface
  interface Wrapping {
    /**
     * A channel above {@code inner}, which it owns from now on; if it throws, {@code inner} is
     * still the caller's.
     *
     * @param deadline by which the peer must have played its part, where the layer waits for it
     */
    Channel wrap(Channel inner, Deadline deadline) throws ChannelException;
  }
}
