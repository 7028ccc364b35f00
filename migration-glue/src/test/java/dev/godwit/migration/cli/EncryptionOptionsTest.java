package dev.godwit.migration.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.godwit.transport.Transports;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

final class EncryptionOptionsTest {
  @TempDir private Path scratch;
  private Transports transports;

  @BeforeEach
  void load() throws Exception {
    transports = FakeRdma.among(scratch);
  }

  private static EncryptionOptions required() {
    return CommandLine.populateCommand(new EncryptionOptions(), "--require-encryption");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "tcp:h:1 | tcp:h:1 carries | tls:h:1, or tcp:h:1?tls-creds=DIR",
        "fakerdma:h:1?spin=9us | fakerdma:h:1?spin=9us carries | tls:h:1, or fakerdma:h:1?tls-creds=DIR, which sends through TLS what it would have placed",
        "exec:cat | exec:cat may carry | exec:cat?tls-creds=DIR",
        "fd:3?throttle=1M | fd:3?throttle=1M may carry | fd:3?tls-creds=DIR",
      })
  void whatWouldGoInClearIsRefusedWithTheWayOut(String uri, String carries, String wayOut) {
    assertThatExceptionOfType(CommandFailure.class)
        .isThrownBy(() -> required().endpoints(transports, "unix:/a", uri))
        .withMessage(
            carries + " guest memory in clear, and encryption is required here: use " + wayOut)
        .matches(failure -> failure.code() == ExitCode.REFUSED_BY_CHECK);
  }

  @ParameterizedTest
  @ValueSource(strings = {"unix:/a", "file:/a", "mem:a"})
  void whatStaysOnThisHostIsLetThrough(String uri) throws Exception {
    assertThat(required().endpoints(transports, uri)).singleElement().hasToString(uri);
  }

  @Test
  void nothingIsRefusedUnlessItIsAsked() throws Exception {
    assertThat(new EncryptionOptions().endpoints(transports, "fakerdma:h:1", "exec:cat"))
        .hasSize(2);
  }
}
