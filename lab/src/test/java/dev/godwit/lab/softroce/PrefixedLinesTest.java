package dev.godwit.lab.softroce;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

final class PrefixedLinesTest {
  @Test
  void linesStayWholeHoweverTheyAreWritten() throws Exception {
    ByteArrayOutputStream log = new ByteArrayOutputStream();
    try (PrefixedLines first = new PrefixedLines("[1] ", log);
        PrefixedLines second = new PrefixedLines("[2] ", log)) {
      first.write(bytes("one a"));
      second.write(bytes("other\nmore\n\nla"));
      first.write(bytes("nd the same\n"));
    }

    assertThat(log).hasToString("[2] other\n[2] more\n[2] \n[1] one and the same\n[2] la\n");
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
