package dev.godwit.migration.cli;

import dev.godwit.migration.proxy.BridgeReport;
import dev.godwit.migration.proxy.MigrationReport.ChannelReport;
import dev.godwit.transport.PeerIdentity;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What was carried on each connection, for people and for programs. */
final class ChannelLines {
  /** What people are told of a channel that ended so. */
  static final String ENDED_WITHOUT_NOTIFY = "ended without notify";

  private ChannelLines() {}

  /**
   * A head, and a line a channel; who proved to be somebody stands at its end.
   *
   * @param verbose says also what became of memory where a transport could have placed bytes
   */
  static List<String> of(List<ChannelReport> channels, boolean verbose) {
    List<String> lines = new ArrayList<>();
    lines.add(String.format("  %-14s %18s %14s", "channel", "to destination", "back"));
    for (ChannelReport channel : channels) {
      String more = more(channel);
      lines.add(
          String.format(
                  Locale.ROOT,
                  "  %-14s %,16d B %,12d B",
                  channel.role(),
                  channel.forwardBytes(),
                  channel.backwardBytes())
              + (more.isEmpty() ? "" : "  " + more));
    }
    channels.stream()
        .flatMap(channel -> channel.bridge().stream())
        .forEach(bridge -> lines.add("  " + bridge));
    if (verbose
        && channels.stream().anyMatch(ChannelReport::placing)
        && channels.stream().noneMatch(channel -> channel.bridge().isPresent())) {
      lines.add(memory(channels.stream().mapToLong(ChannelReport::placedBytes).sum()));
    }
    return lines;
  }

  private static String memory(long placedBytes) {
    return placedBytes == 0
        ? "  Only Godwit's own buffers were registered; guest memory belongs to QEMU, and went through them"
        : String.format(Locale.ROOT, "  %-14s %,16d B", "placed", placedBytes);
  }

  private static String more(ChannelReport channel) {
    List<String> more = new ArrayList<>();
    if (channel.source() instanceof PeerIdentity.Named source) {
      more.add("from " + Printable.of(source.toString()));
    }
    if (channel.destination() instanceof PeerIdentity.Named destination) {
      more.add("to " + Printable.of(destination.toString()));
    }
    if (channel.endedWithoutNotify()) {
      more.add(ENDED_WITHOUT_NOTIFY);
    }
    return String.join(", ", more);
  }

  static Map<String, Object> members(ChannelReport channel) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.putAll(
        Map.of(
            "role", channel.role(),
            "peer", channel.peer(),
            "peer-identity", text(channel.source()),
            "onward-identity", text(channel.destination()),
            "ended-without-notify", channel.endedWithoutNotify(),
            "forward-bytes", channel.forwardBytes(),
            "backward-bytes", channel.backwardBytes(),
            "placed-bytes", channel.placedBytes()));
    channel.bridge().ifPresent(bridge -> members.put("bridge", members(bridge)));
    return members;
  }

  private static Map<String, Object> members(BridgeReport bridge) {
    return Map.of(
        "ram-bytes", bridge.ramBytes(),
        "rounds", bridge.rounds(),
        "compares", bridge.compares(),
        "compare-seconds", bridge.compareSeconds(),
        "compare-seconds-per-gib", bridge.compareSecondsPerGib(),
        "downtime-seconds", bridge.downtimeSeconds(),
        "downtime-seconds-per-gib", bridge.downtimeSecondsPerGib());
  }

  /** Nothing for nobody. */
  static String text(PeerIdentity identity) {
    return identity instanceof PeerIdentity.Unknown ? "" : identity.toString();
  }
}
