package dev.godwit.migration.qemu;

import dev.godwit.migration.qemu.MigrationStatus.Compression;
import dev.godwit.migration.qemu.MigrationStatus.Times;
import dev.godwit.migration.qemu.MigrationStatus.Xbzrle;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import tools.jackson.databind.JsonNode;

/** Reads the answer to {@code query-migrate}, whose units and members depend on the version. */
final class StatusReader {
  /** QEMU's {@code mbps} counts 10<sup>6</sup> bits. */
  private static final double BYTES_PER_MEGABIT = 125_000;

  private StatusReader() {}

  static MigrationStatus read(JsonNode answer, QemuVersion version) {
    String stateName = answer.path("status").asString("none");
    return new MigrationStatus(
        MigrationState.named(stateName),
        stateName,
        answer.path("error-desc").asStringOpt().filter(text -> !text.isBlank()),
        answer.path("blocked-reasons").valueStream().map(reason -> reason.asString("")).toList(),
        times(answer),
        present(answer, "ram").map(ram -> ram(ram, version)),
        present(answer, "xbzrle-cache").map(StatusReader::xbzrle),
        present(answer, "compression").map(StatusReader::compression),
        count(answer.path("vfio"), "transferred"),
        answer.path("cpu-throttle-percentage").isMissingNode()
            ? OptionalInt.empty()
            : OptionalInt.of((int) count(answer, "cpu-throttle-percentage")),
        answer.path("socket-address").valueStream().map(StatusReader::uri).toList());
  }

  private static Times times(JsonNode answer) {
    return new Times(
        millis(answer, "total-time"),
        millis(answer, "setup-time"),
        millis(answer, "downtime"),
        millis(answer, "expected-downtime"),
        millis(answer, "postcopy-blocktime"));
  }

  private static RamProgress ram(JsonNode ram, QemuVersion version) {
    long pageBytes = Math.max(1, count(ram, "page-size"));
    return new RamProgress(
        count(ram, "transferred"),
        RamProgress.Counted.by(version),
        count(ram, "remaining"),
        count(ram, "total"),
        count(ram, "dirty-sync-count"),
        count(ram, "dirty-pages-rate") * pageBytes,
        Math.max(0, Math.round(ram.path("mbps").asDouble(0) * BYTES_PER_MEGABIT)),
        count(ram, "pages-per-second"),
        pageBytes,
        count(ram, "normal"),
        count(ram, "duplicate"),
        count(ram, "precopy-bytes"),
        count(ram, "downtime-bytes"),
        count(ram, "postcopy-bytes"),
        count(ram, "multifd-bytes"),
        count(ram, "postcopy-requests"),
        count(ram, "dirty-sync-missed-zero-copy"));
  }

  private static Xbzrle xbzrle(JsonNode xbzrle) {
    return new Xbzrle(
        count(xbzrle, "cache-size"),
        count(xbzrle, "bytes"),
        count(xbzrle, "pages"),
        count(xbzrle, "cache-miss"),
        count(xbzrle, "overflow"));
  }

  private static Compression compression(JsonNode compression) {
    return new Compression(
        count(compression, "pages"),
        count(compression, "compressed-size"),
        count(compression, "busy"));
  }

  /** QEMU's URI for an address it reports. */
  private static String uri(JsonNode address) {
    return switch (address.path("type").asString("")) {
      case "inet" -> {
        String host = address.path("host").asString("");
        yield "tcp:%s:%s"
            .formatted(
                host.contains(":") ? "[" + host + "]" : host, address.path("port").asString(""));
      }
      case "unix" -> "unix:" + address.path("path").asString("");
      case "vsock" ->
          "vsock:%s:%s"
              .formatted(address.path("cid").asString(""), address.path("port").asString(""));
      case "fd" -> "fd:" + address.path("str").asString("");
      default -> address.toString();
    };
  }

  private static Optional<JsonNode> present(JsonNode answer, String name) {
    JsonNode node = answer.path(name);
    return node.isObject() ? Optional.of(node) : Optional.empty();
  }

  private static Optional<Duration> millis(JsonNode answer, String name) {
    JsonNode node = answer.path(name);
    return node.isNumber() ? Optional.of(Duration.ofMillis(count(answer, name))) : Optional.empty();
  }

  private static long count(JsonNode node, String name) {
    return node.path(name).asLong(0);
  }
}
