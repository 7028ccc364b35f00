package dev.godwit.lab.tls;

import dev.godwit.migration.cli.Columns;
import dev.godwit.migration.cli.CommandFailure;
import dev.godwit.migration.cli.ExitCode;
import dev.godwit.migration.cli.Output;
import dev.godwit.transport.tls.credentials.CredentialsEntry;
import dev.godwit.transport.tls.credentials.CredentialsException;
import dev.godwit.transport.tls.credentials.CredentialsListing;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "show",
    mixinStandardHelpOptions = true,
    header = "Shows what is in a directory of credentials, and when it expires.",
    description = {
      "Looks at DIR, and at the directories of hosts that 'godwit tls init' made in it, as TLS does before it uses them. Never shows a "
          + "secret. Exits with 3 if something has expired or cannot be used.",
      ""
    },
    sortOptions = false)
final class TlsShowCommand implements Callable<Integer> {
  private static final Duration SOON = Duration.ofDays(30);

  @Parameters(paramLabel = "DIR", description = "A directory of credentials in QEMU's layout")
  private Path directory = Path.of("");

  @Option(
      names = "--password-file",
      paramLabel = "FILE",
      description = "The password of encrypted keys, in its first line")
  private Optional<Path> passwordFile = Optional.empty();

  @Mixin private final Output output = new Output();

  @Override
  public Integer call() throws CommandFailure {
    try {
      Instant now = Instant.now();
      List<CredentialsEntry> entries = new CredentialsListing(directory, passwordFile).entries();
      ExitCode code =
          entries.stream().allMatch(e -> e.problem().isEmpty())
              ? ExitCode.DONE
              : ExitCode.REFUSED_BY_CHECK;
      table(entries, now).lines().forEach(output::line);
      entries.stream().flatMap(e -> e.problem().stream()).distinct().forEach(output::line);
      output.document(
          "tls show",
          Map.of(
              "files",
              entries.stream().map(e -> document(e, now)).toList(),
              "exit-code",
              code.code()));
      return code.code();
    } catch (CredentialsException e) {
      throw new CommandFailure(ExitCode.REFUSED_BY_CHECK, String.valueOf(e.getMessage()));
    }
  }

  private Columns table(List<CredentialsEntry> entries, Instant now) {
    Columns table = new Columns(4, "file", "subject", "names", "expires", "days left", "");
    for (CredentialsEntry entry : entries) {
      table.row(
          directory.relativize(entry.file()).toString(),
          entry.subject(),
          String.join(", ", entry.names()),
          entry.expires().map(TlsShowCommand::date).orElse(""),
          entry.expires().map(e -> Columns.number(daysLeft(e, now))).orElse(""),
          state(entry, now).toUpperCase(Locale.ROOT));
    }
    return table;
  }

  /** Empty for what is good. */
  private static String state(CredentialsEntry entry, Instant now) {
    if (entry.expires().filter(now::isAfter).isPresent()) {
      return "expired";
    }
    if (entry.problem().isPresent()) {
      return "unusable";
    }
    return entry.expires().filter(now.plus(SOON)::isAfter).isPresent() ? "soon" : "";
  }

  private Map<String, Object> document(CredentialsEntry entry, Instant now) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("file", entry.file().toString());
    members.put("subject", entry.subject());
    members.put("names", new ArrayList<>(entry.names()));
    String state = state(entry, now);
    members.put("state", state.isEmpty() ? "good" : state);
    members.put("message", entry.problem().orElse(""));
    entry
        .expires()
        .ifPresent(
            e -> {
              members.put("expires", e.toString());
              members.put("seconds-left", Duration.between(now, e).toSeconds());
            });
    return members;
  }

  private static String date(Instant instant) {
    return LocalDate.ofInstant(instant, ZoneOffset.UTC).toString();
  }

  private static long daysLeft(Instant expires, Instant now) {
    return Duration.between(now, expires).toDays();
  }
}
