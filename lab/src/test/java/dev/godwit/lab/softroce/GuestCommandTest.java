package dev.godwit.lab.softroce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a command is for a shell; the VM's is as good as the host's. */
final class GuestCommandTest {
  @TempDir private Path directory;

  @Test
  void everyWordArrivesAsItIs() throws Exception {
    List<String> words =
        List.of("", "a b", "it's", "$HOME `id` \\ \"x\"", "-n", "two\nlines", "é*");

    assertThat(output(GuestCommand.of("/usr/bin/printf", "[%s]", "").with("A", "x")))
        .isEqualTo("[]");
    String[] printf = new String[words.size() + 2];
    printf[0] = "/usr/bin/printf";
    printf[1] = "[%s]";
    for (int i = 0; i < words.size(); i++) {
      printf[i + 2] = words.get(i);
    }
    assertThat(output(GuestCommand.of(printf))).isEqualTo("[" + String.join("][", words) + "]");
  }

  @Test
  void directoryAndEnvironmentAreTheCommands() throws Exception {
    GuestCommand command =
        GuestCommand.shell("pwd; printf %s \"$GREETING\"")
            .in(directory)
            .with("GREETING", "it's\n$HERE");

    assertThat(output(command)).isEqualTo(directory.toRealPath() + "\nit's\n$HERE");
  }

  @Test
  void whatNoShellCanStartIsRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> GuestCommand.of());
    assertThatIllegalArgumentException().isThrownBy(() -> GuestCommand.of("a\0b"));
    assertThatIllegalArgumentException().isThrownBy(() -> GuestCommand.of("a").with("B-C", "d"));
    assertThatIllegalArgumentException().isThrownBy(() -> GuestCommand.of("a").with("B", "\0"));
  }

  private static String output(GuestCommand command) throws Exception {
    Process shell = new ProcessBuilder("/bin/sh", "-c", command.script()).start();
    shell.getOutputStream().close();
    String output = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(shell.waitFor()).isZero();
    return output;
  }
}
