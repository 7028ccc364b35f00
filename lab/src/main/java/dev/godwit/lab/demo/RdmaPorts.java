package dev.godwit.lab.demo;

import dev.godwit.transport.HostFact;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** What a host says of its RDMA ports. */
final class RdmaPorts {
  private static final Pattern IPV4 = Pattern.compile("[0-9]+(\\.[0-9]+){3}");

  private RdmaPorts() {}

  /** The first IPv4 address of a port that is active. */
  static Optional<String> firstAddress(List<HostFact> facts) {
    return facts.stream()
        .filter(fact -> fact.kind().equals("port"))
        .filter(fact -> Boolean.TRUE.equals(fact.members().get("active")))
        .flatMap(fact -> gids(fact).stream())
        .filter(gid -> IPV4.matcher(gid).matches())
        .findFirst();
  }

  private static List<String> gids(HostFact port) {
    return port.members().get("gids") instanceof List<?> gids
        ? gids.stream().map(String::valueOf).toList()
        : List.of();
  }
}
