package dev.godwit.transport.rdma.verbs;

import java.util.List;

/**
 * A device and what it is able to do.
 *
 * @param name as the kernel calls it, for example {@code mlx5_0} or {@code rxe0}
 * @param maxWorkRequests most work requests in one queue
 * @param maxSge most scatter and gather entries of a work request
 * @param maxCompletions most entries of a completion queue
 * @param maxRegionBytes longest memory region; as unsigned, since some devices say 2^64-1
 * @param maxRegions most memory regions
 * @param maxQueuePairs most queue pairs
 * @param ports its ports, the first one has number 1
 */
public record Device(
    String name,
    int maxWorkRequests,
    int maxSge,
    int maxCompletions,
    long maxRegionBytes,
    int maxRegions,
    int maxQueuePairs,
    List<Port> ports) {
  public Device {
    ports = List.copyOf(ports);
  }

  /** Whether any port can carry traffic. */
  public boolean isUsable() {
    return ports.stream().anyMatch(Port::isActive);
  }
}
