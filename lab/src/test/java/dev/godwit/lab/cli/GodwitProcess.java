package dev.godwit.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Endpoint;
import dev.godwit.transport.testkit.Await;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * One process of the command line. Owned: {@link #close} kills what still runs. Its temporary files
 * go into a directory of its own, so that whatever it leaves there is its own.
 */
public final class GodwitProcess implements AutoCloseable {
  /** How long a loaded machine may take for anything that is not waited for on purpose. */
  public static final Duration PATIENCE = Duration.ofSeconds(60L * Await.SLOWNESS);

  private static final Pattern LISTENS =
      Pattern.compile("(?:Waiting for a source at|Listening at) (\\S+)");

  private final List<String> arguments;
  private final Process process;
  private final Path temporary;
  private final Output out;
  private final Output err;

  private GodwitProcess(List<String> arguments, Process process, Path temporary) {
    this.arguments = arguments;
    this.process = process;
    this.temporary = temporary;
    out = new Output(process.getInputStream());
    err = new Output(process.getErrorStream());
  }

  /** Starts {@code godwit ARGUMENTS}. */
  public static GodwitProcess start(String... arguments) throws IOException {
    return start(List.of(), arguments);
  }

  /** Starts it behind another command that becomes it, such as setpriv. */
  public static GodwitProcess start(List<String> behind, String... arguments) throws IOException {
    Path temporary = Files.createTempDirectory("gwp");
    List<String> command = new ArrayList<>(behind);
    // A shell that started the tests in the background has them ignore Ctrl-C, and all they start.
    command.addAll(List.of("env", "--default-signal=INT"));
    command.addAll(GodwitProgram.command(256, "-Djava.io.tmpdir=" + temporary));
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).start();
    process.getOutputStream().close();
    return new GodwitProcess(List.of(arguments), process, temporary);
  }

  /** Where it listens, once it does. */
  public Endpoint awaitListening() throws Exception {
    String said = err.await(text -> LISTENS.matcher(text).find(), "listen", process);
    Matcher listens = LISTENS.matcher(said);
    assertThat(listens.find()).isTrue();
    return Endpoint.parse(listens.group(1));
  }

  /** Waits until it has said so on its standard error. */
  public void awaitSaid(String part) throws Exception {
    err.await(text -> text.contains(part), "say '" + part + "'", process);
  }

  /** Waits for its end and returns its exit code. */
  public int awaitExit() throws Exception {
    return awaitExit(PATIENCE);
  }

  int awaitExit(Duration patience) throws Exception {
    if (!process.waitFor(patience.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new TimeoutException(this + " did not end in " + patience.toSeconds() + " s\n" + log());
    }
    out.awaitEnd();
    err.awaitEnd();
    return process.exitValue();
  }

  /** Ended so, and left nothing behind, and told nobody about its insides. */
  public void expectExit(int code) throws Exception {
    assertThat(awaitExit()).as("exit code of %s\n%s", this, log()).isEqualTo(code);
    assertThat(log()).doesNotContain("\tat ", "Exception", "Unsafe");
    expectNothingLeft();
  }

  void expectNothingLeft() throws IOException {
    try (Stream<Path> left = Files.list(temporary)) {
      // The JVM's own performance data are not in java.io.tmpdir.
      assertThat(left).as("what %s left behind", this).isEmpty();
    }
  }

  /** The last line on standard error: what a user sees of a command that failed. */
  public String sentence() {
    List<String> lines = err.text().lines().toList();
    return lines.isEmpty() ? "" : lines.getLast();
  }

  /** Its results as text. */
  public String out() {
    return out.text();
  }

  public String err() {
    return err.text();
  }

  /** Its result of {@code --json}: one line. */
  public JsonNode json() {
    assertThat(out().lines()).as(log()).hasSize(1);
    return JsonMapper.shared().readTree(out());
  }

  /** Sends a signal by its name, such as INT. */
  public void signal(String name) throws Exception {
    Process kill =
        new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).inheritIO().start();
    assertThat(kill.waitFor(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)).isTrue();
    assertThat(kill.exitValue()).isZero();
  }

  /** The processes that it has started, and theirs. */
  public List<ProcessHandle> descendants() {
    return process.descendants().toList();
  }

  /** Everything that it has printed so far. */
  public String log() {
    return "stdout:\n" + out.text() + "stderr:\n" + err.text();
  }

  @Override
  public void close() throws IOException, InterruptedException {
    process.destroyForcibly();
    process.waitFor();
    try (Stream<Path> files = Files.walk(temporary)) {
      for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  @Override
  public String toString() {
    return "godwit " + String.join(" ", arguments) + " (pid " + process.pid() + ")";
  }

  /** What comes out of one of its descriptors. */
  private static final class Output {
    private final StringBuilder text = new StringBuilder();
    private final Thread reader;

    Output(InputStream stream) {
      reader = Thread.ofPlatform().daemon().start(() -> read(stream));
    }

    private void read(InputStream stream) {
      try (var lines = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
          synchronized (text) {
            text.append(line).append('\n');
            text.notifyAll();
          }
        }
      } catch (IOException e) {
        // The process was killed and its descriptors closed; what came until then counts.
      }
      synchronized (text) {
        text.notifyAll();
      }
    }

    String text() {
      synchronized (text) {
        return text.toString();
      }
    }

    String await(Predicate<String> wanted, String what, Process process) throws Exception {
      long start = System.nanoTime();
      synchronized (text) {
        while (!wanted.test(text.toString())) {
          long left = PATIENCE.toMillis() - (System.nanoTime() - start) / 1_000_000;
          if (left <= 0 || !process.isAlive()) {
            throw new TimeoutException("godwit did not " + what + ", it said:\n" + text);
          }
          text.wait(Math.min(left, 100));
        }
        return text.toString();
      }
    }

    void awaitEnd() throws InterruptedException {
      assertThat(reader.join(PATIENCE)).isTrue();
    }
  }
}
