package dev.godwit.migration.cli;

import dev.godwit.migration.drive.DriveReport;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.RamProgress;
import dev.godwit.transport.ChannelException;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** How {@code send} and {@code receive} end: the report, and the exit code. */
final class DriveOutput {
  private DriveOutput() {}

  static int print(String command, Output output, DriveReport report) {
    report.notes().forEach(note -> output.note("Note: " + note));
    output.line(report.sentence());
    table(output, report);
    output.document(command, members(report));
    ExitCode code = exitCode(report);
    if (code != ExitCode.DONE) {
      output.err().println("godwit " + command + ": " + report.sentence());
    }
    return code.code();
  }

  /**
   * A connection that never came to be is told apart by its kind; whatever broke later leaves the
   * VM at the source, at which byte it may have been.
   */
  static ExitCode exitCode(DriveReport report) {
    return switch (report.outcome()) {
      case COMPLETED -> ExitCode.DONE;
      case UNKNOWN -> ExitCode.UNKNOWN;
      case CANCELLED -> ExitCode.INTERRUPTED;
      case FAILED -> {
        boolean nothingMoved = report.wire().map(w -> w.forwardBytes() == 0).orElse(true);
        yield nothingMoved
                && report.failure().orElse(null) instanceof ChannelException failure
                && isOfConnecting(failure)
            ? ExitCode.of(failure)
            : ExitCode.FAILED;
      }
    };
  }

  private static boolean isOfConnecting(ChannelException failure) {
    return switch (failure) {
      case ChannelException.Refused _,
          ChannelException.TimedOut _,
          ChannelException.Untrusted _,
          ChannelException.Unsupported _,
          ChannelException.Native _ ->
          true;
      case ChannelException.EndedEarly _,
          ChannelException.Lost _,
          ChannelException.Aborted _,
          ChannelException.Violated _ ->
          false;
    };
  }

  private static void table(Output output, DriveReport report) {
    Optional<MigrationStatus.Times> times = report.status().map(MigrationStatus::times);
    output.line(
        String.format(
            Locale.ROOT,
            "  %-14s %.3f s",
            "total",
            seconds(times.flatMap(MigrationStatus.Times::total))
                .orElse(seconds(report.elapsed()))));
    times
        .flatMap(MigrationStatus.Times::setup)
        .ifPresent(
            setup ->
                output.line(String.format(Locale.ROOT, "  %-14s %.3f s", "setup", seconds(setup))));
    times
        .flatMap(MigrationStatus.Times::downtime)
        .ifPresent(
            downtime ->
                output.line(
                    String.format(Locale.ROOT, "  %-14s %.3f s", "downtime", seconds(downtime))));
    report
        .status()
        .flatMap(MigrationStatus::ram)
        .ifPresent(
            ram -> output.line(String.format(Locale.ROOT, "  %-14s %d", "passes", ram.pass())));
    report
        .wire()
        .ifPresent(
            wire -> {
              ChannelLines.of(wire.channels(), output.isVerbose()).forEach(output::line);
              output.line(
                  String.format(
                      Locale.ROOT,
                      "  %-14s %,16d B %,12d B",
                      "all",
                      wire.forwardBytes(),
                      wire.backwardBytes()));
            });
  }

  private static Map<String, Object> members(DriveReport report) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("side", report.side().toString());
    members.put("qemu", report.qemu().toString());
    members.put("outcome", report.outcome().name().toLowerCase(Locale.ROOT));
    members.put("message", report.sentence());
    members.put("notes", List.copyOf(report.notes()));
    members.put("elapsed-seconds", seconds(report.elapsed()));
    Optional<MigrationStatus.Times> times = report.status().map(MigrationStatus::times);
    members.put("total-seconds", seconds(times.flatMap(MigrationStatus.Times::total)).orElse(0.0));
    members.put("setup-seconds", seconds(times.flatMap(MigrationStatus.Times::setup)).orElse(0.0));
    members.put(
        "downtime-seconds", seconds(times.flatMap(MigrationStatus.Times::downtime)).orElse(0.0));
    members.put("stopped-at", report.stopped().map(Instant::toString).orElse(""));
    members.put("resumed-at", report.resumed().map(Instant::toString).orElse(""));
    members.put(
        "ram",
        report.status().flatMap(MigrationStatus::ram).map(DriveOutput::ram).orElse(Map.of()));
    members.put("wire", report.wire().map(ProxyCommand::members).orElse(Map.of()));
    return members;
  }

  private static Map<String, Object> ram(RamProgress ram) {
    return Map.of(
        "transferred-bytes", ram.transferredBytes(),
        "transferred-counts", ram.counted().name().toLowerCase(Locale.ROOT),
        "remaining-bytes", ram.remainingBytes(),
        "total-bytes", ram.totalBytes(),
        "normal-bytes", ram.normalBytes(),
        "zero-bytes", ram.zeroPages() * ram.pageBytes(),
        "dirty-bytes-per-second", ram.dirtyBytesPerSecond(),
        "passes", ram.pass());
  }

  private static Optional<Double> seconds(Optional<Duration> time) {
    return time.map(DriveOutput::seconds);
  }

  private static double seconds(Duration time) {
    return time.toNanos() / 1e9;
  }
}
