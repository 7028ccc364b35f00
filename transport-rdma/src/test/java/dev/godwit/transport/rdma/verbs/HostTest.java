package dev.godwit.transport.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Availability;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class HostTest {
  @TempDir Path root;

  private void write(String file, String text) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  @ParameterizedTest
  @CsvSource({
    "8388608, 0000000000000000, 8388608",
    "0, 0000000000000000, 0",
    "unlimited, 0000000000000000, 9223372036854775807",
    "8388608, 0000000000004000, 9223372036854775807",
    "8388608, 000001ffffffffff, 9223372036854775807",
    "8388608, ffffffffffffbfff, 8388608",
  })
  void lockedMemoryIsLimitedUnlessThePrivilegeIsThere(
      String limit, String capabilities, long expected) throws IOException {
    write(
        "proc/self/limits",
        """
        Limit                     Soft Limit           Hard Limit           Units
        Max processes             63432                63432                processes
        Max locked memory         %s            unlimited            bytes
        Max address space         unlimited            unlimited            bytes
        """
            .formatted(limit));
    write("proc/self/status", "Name:\tjava\nCapEff:\t" + capabilities + "\nSeccomp:\t0\n");

    assertThat(new Host(root).lockableBytes()).isEqualTo(expected);
  }

  @Test
  void aKernelThatTellsNothingHasNoLimit() {
    assertThat(new Host(root).lockableBytes()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void thisProcessHasALimitOrNone() {
    assertThat(Verbs.lockableBytes()).isNotNegative();
  }

  /** Whatever is missing here, it is one sentence that says what to do. */
  @Test
  void whatIsMissingIsOneSentence() {
    if (new Host(root).availability() instanceof Availability.Unavailable(String cause)) {
      assertThat(cause)
          .matches("(This|The|No) .*[^.]")
          .containsAnyOf("install", "modprobe", "rdma link add", "udev", "plug in");
    }
  }
}
