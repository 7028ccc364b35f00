package dev.godwit.transport;

import java.util.List;
import java.util.Map;

/**
 * A provider of channels for one scheme, found by {@link java.util.ServiceLoader}. It has a public
 * constructor without arguments that does nothing.
 *
 * <p>Nothing but {@code dialer} and {@code listen} opens, binds or starts anything.
 */
public interface Transport {

  /** The scheme it serves, in lower case, without the colon. */
  String scheme();

  /** One sentence for a list of schemes, with an example. */
  String description();

  /** Whether this host can serve it, and if not, why not. */
  Availability availability();

  /**
   * What this host has for it, such as devices, their ports and limits; none where there is nothing
   * to set up. Also told where the host cannot serve it. Takes nothing that outlives the call.
   */
  default List<HostFact> facts() {
    return List.of();
  }

  /** What its channels cost and can carry, before any layer. */
  Capabilities capabilities();

  /**
   * The settings it understands in a URI, each with what it means in one line. Where a layer has a
   * setting of that name, the transport's stands.
   */
  Map<String, String> settings();

  /**
   * Prepares to dial {@code target}; connects nothing yet.
   *
   * @throws EndpointException if address or settings make no sense
   */
  Dialer dialer(Endpoint target) throws ChannelException;

  /**
   * Listens at {@code address}; from here on peers can connect.
   *
   * @throws EndpointException if address or settings make no sense
   * @throws ChannelException.Refused if the address is taken or not allowed
   */
  Listener listen(Endpoint address) throws ChannelException;
}
