package dev.godwit.transport.rdma.verbs;

import java.net.InetAddress;
import java.util.List;

/**
 * A port of a device.
 *
 * @param number from 1 on
 * @param state the verbs' number for its state; 4 is active
 * @param activeMtuBytes the payload of a packet
 * @param maxMessageBytes the longest message, and so the longest single write
 * @param linkLayer what is below
 * @param gids its addresses that are set, among the first 64; over Ethernet these are the
 *     interface's IPv6 and mapped IPv4 addresses
 */
public record Port(
    int number,
    int state,
    int activeMtuBytes,
    long maxMessageBytes,
    LinkLayer linkLayer,
    List<InetAddress> gids) {
  private static final int ACTIVE = 4;

  public Port {
    gids = List.copyOf(gids);
  }

  public boolean isActive() {
    return state == ACTIVE;
  }

  /** The state in the verbs' words, for example {@code active}. */
  public String stateName() {
    return switch (state) {
      case 0 -> "no operation";
      case 1 -> "down";
      case 2 -> "initialising";
      case 3 -> "armed";
      case ACTIVE -> "active";
      case 5 -> "active, deferred";
      default -> "state " + state;
    };
  }

  /** What carries the packets. */
  public enum LinkLayer {
    UNKNOWN,
    INFINIBAND,
    ETHERNET
  }
}
