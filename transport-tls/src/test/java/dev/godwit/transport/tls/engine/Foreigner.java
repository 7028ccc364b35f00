package dev.godwit.transport.tls.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.testkit.Await;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A TLS program of another house, as a child that ends with the test. */
final class Foreigner implements AutoCloseable {
  private final Process process;
  private final Path output;

  private Foreigner(Process process, Path output) {
    this.process = process;
    this.output = output;
  }

  /** Starts {@code command}; its output goes to a file in {@code directory}. */
  static Foreigner start(Path directory, List<String> command) throws IOException {
    Path output = Files.createTempFile(directory, "output", ".txt");
    Process process =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    return new Foreigner(process, output);
  }

  /** Types {@code line}. */
  void type(String line) throws IOException {
    OutputStream input = process.getOutputStream();
    input.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
    input.flush();
  }

  /** Ends its input. */
  void typeEnd() throws IOException {
    process.getOutputStream().close();
  }

  /** All that it has said. */
  String said() {
    try {
      return Files.readString(output, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  void awaitSaid(String words) {
    Await.until("it says " + words, () -> said().contains(words), this::said);
  }

  @Override
  public void close() {
    process.destroyForcibly();
    try {
      assertThat(process.waitFor(Await.LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }
}
