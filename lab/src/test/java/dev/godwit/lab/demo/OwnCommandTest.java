package dev.godwit.lab.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

final class OwnCommandTest {

  @Test
  void theShellReadsEachWordAsItIs() throws Exception {
    List<String> words = List.of("a b", "it's", "$HOME", "", "back\\slash", "\"", "*");
    String command =
        OwnCommand.ofThisProcess().shell(words).replaceFirst("^exec '[^']*'", "printf '%s\\\\n'");
    Process shell = new ProcessBuilder("/bin/sh", "-c", command).start();
    shell.getOutputStream().close();
    String said = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

    assertThat(shell.waitFor()).isZero();
    assertThat(said.lines().toList()).endsWith(words.toArray(String[]::new));
  }
}
