package dev.godwit.migration.cli;

import dev.godwit.channel.image.ChannelAccount;
import dev.godwit.migration.image.ImageReport;
import dev.godwit.migration.image.ImageReport.Outcome;
import dev.godwit.migration.image.ImageTransfer;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PeerIdentity;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;

/** How {@code receive --image} and {@code send --image} go and end. */
final class ImageOutput {
  private ImageOutput() {}

  static int run(String command, Output output, ImageTransfer transfer, Callable<ImageReport> work)
      throws Exception {
    try (ProgressLine line = new ProgressLine(output);
        Termination termination = Termination.calls(transfer::cancel);
        RateTicker ticker = RateTicker.start(transfer::bytes, line::show)) {
      ImageReport report = work.call();
      ticker.close();
      line.close();
      return print(command, output, report);
    }
  }

  private static int print(String command, Output output, ImageReport report) {
    report.notes().forEach(note -> output.note("Note: " + note));
    ExitCode code = exitCode(report);
    output.line(report.sentence());
    table(output, report);
    output.document(command, members(report));
    if (code != ExitCode.DONE) {
      output.err().println("godwit " + command + ": " + report.sentence());
    }
    return code.code();
  }

  /** A connection that never came to be is told apart by its kind. */
  static ExitCode exitCode(ImageReport report) {
    return switch (report.outcome()) {
      case COMPLETED -> ExitCode.DONE;
      case REFUSED -> ExitCode.REFUSED_BY_CHECK;
      case UNKNOWN -> ExitCode.UNKNOWN;
      case CANCELLED -> ExitCode.INTERRUPTED;
      case FAILED ->
          report.failure().orElse(null) instanceof ChannelException failure
                  && (report.received().isEmpty() || isUnconnected(report))
              ? ExitCode.of(failure)
              : ExitCode.FAILED;
    };
  }

  /** Whether the guest was there and nobody to send it to. */
  private static boolean isUnconnected(ImageReport report) {
    return report.ramBytes() > 0 && report.sent().isEmpty();
  }

  private static void table(Output output, ImageReport report) {
    if (report.outcome() == Outcome.REFUSED) {
      return;
    }
    output.line(String.format(Locale.ROOT, "  %-14s %.3f s", "total", seconds(report)));
    report.machine().ifPresent(machine -> output.line("  %-14s %s".formatted("machine", machine)));
    if (report.ramBytes() > 0) {
      output.line(String.format(Locale.ROOT, "  %-14s %,d B", "ram", report.ramBytes()));
    }
    report.received().forEach((name, channel) -> line(output, "received", name, channel, true));
    report.sent().forEach((name, channel) -> line(output, "sent", name, channel, false));
  }

  private static void line(
      Output output, String title, String name, ChannelAccount channel, boolean received) {
    String peer =
        channel.peer() instanceof PeerIdentity.Named named
            ? (received ? ", from " : ", to ") + Printable.of(named.toString())
            : "";
    output.line(
        String.format(
            Locale.ROOT,
            "  %-14s %,16d B  %s%s%s",
            title,
            received ? channel.receivedBytes() : channel.sentBytes(),
            name,
            peer,
            channel.stats().unconfirmedEnd() ? ", " + ChannelLines.ENDED_WITHOUT_NOTIFY : ""));
  }

  private static Map<String, Object> members(ImageReport report) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("outcome", report.outcome().name().toLowerCase(Locale.ROOT));
    members.put("message", report.sentence());
    members.put("exit-code", exitCode(report).code());
    members.put("notes", report.notes());
    members.put("elapsed-seconds", seconds(report));
    members.put("machine", report.machine().orElse(""));
    members.put("ram-bytes", report.ramBytes());
    members.put("received", channels(report.received(), true));
    members.put("sent", channels(report.sent(), false));
    return members;
  }

  private static List<Map<String, Object>> channels(
      Map<String, ChannelAccount> channels, boolean received) {
    List<Map<String, Object>> all = new ArrayList<>();
    channels.forEach(
        (name, channel) ->
            all.add(
                Map.of(
                    "channel",
                    name,
                    "peer-identity",
                    ChannelLines.text(channel.peer()),
                    "ended-without-notify",
                    channel.stats().unconfirmedEnd(),
                    "bytes",
                    received ? channel.receivedBytes() : channel.sentBytes())));
    return all;
  }

  private static double seconds(ImageReport report) {
    return report.elapsed().toNanos() / 1e9;
  }
}
