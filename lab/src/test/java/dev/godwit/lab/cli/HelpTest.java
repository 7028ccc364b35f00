package dev.godwit.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.migration.cli.ExitCode;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** What the command line says of itself. */
final class HelpTest {
  private static final Pattern CODE = Pattern.compile("(?m)^ +(\\d+) +(\\S.*)$");

  @Test
  void theHelpListsEveryExitCodeAndNoOther() throws Exception {
    try (GodwitProcess help = GodwitProcess.start("--help")) {
      help.expectExit(0);

      Map<Integer, String> listed = new LinkedHashMap<>();
      String table = help.out().substring(help.out().indexOf("Exit codes:"));
      Matcher line = CODE.matcher(table);
      while (line.find()) {
        listed.put(Integer.parseInt(line.group(1)), line.group(2).strip());
      }
      assertThat(listed)
          .isEqualTo(
              Arrays.stream(ExitCode.values())
                  .collect(Collectors.toMap(ExitCode::code, ExitCode::meaning)));
      assertThat(listed.keySet())
          .containsExactlyInAnyOrder(
              0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 15, 16, 17, 18, 69, 70, 130, 143);
      assertThat(help.err()).isEmpty();
    }
  }

  @Test
  void theTransportsAreListedForPrograms() throws Exception {
    try (GodwitProcess transports = GodwitProcess.start("transports", "--json")) {
      transports.expectExit(0);

      JsonNode document = transports.json();
      assertThat(document.path("schema").asString()).isEqualTo("godwit/1");
      assertThat(document.path("transports").valueStream().map(t -> t.path("scheme").asString()))
          .contains("tcp", "unix", "mem");
      assertThat(document.path("layers").valueStream().map(l -> l.path("key").asString()))
          .containsExactly("fault", "tap", "throttle", "tls");
    }
  }
}
