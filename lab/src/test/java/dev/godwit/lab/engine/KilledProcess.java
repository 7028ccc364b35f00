package dev.godwit.lab.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.engine.KilledEnd.Moment;
import dev.godwit.lab.engine.KilledEnd.Role;
import dev.godwit.transport.Endpoint;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A process with one end of several migrations, for a test to kill. Closing kills it, too. */
final class KilledProcess implements AutoCloseable {
  private final Process process;
  private final Path journal;
  private final Path log;
  private final Writer orders;
  private final BufferedReader answers;

  private KilledProcess(Process process, Path journal, Path log) {
    this.process = process;
    this.journal = journal;
    this.log = log;
    this.orders = process.outputWriter(StandardCharsets.UTF_8);
    this.answers = process.inputReader(StandardCharsets.UTF_8);
  }

  /**
   * Starts one, and returns once it takes orders.
   *
   * @param migrations how many it makes guests for
   */
  static KilledProcess start(Role role, int migrations, Path directory) throws IOException {
    Path journal = Files.createTempFile(directory, "journal", "");
    Path log = Files.createTempFile(directory, "log", "");
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx64m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xshare:auto",
            "-XX:-UsePerfData",
            "--enable-native-access=ALL-UNNAMED",
            "-Dgodwit.log.level=WARN",
            "-cp",
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            KilledEnd.class.getName(),
            role.name(),
            journal.toString(),
            Integer.toString(migrations));
    Process process = new ProcessBuilder(command).redirectError(log.toFile()).start();
    KilledProcess started = new KilledProcess(process, journal, log);
    try {
      assertThat(started.answers.readLine()).as("%s", started).isEqualTo("ready");
    } catch (IOException | RuntimeException | Error e) {
      started.close();
      throw e;
    }
    return started;
  }

  /** Begins a migration from or at {@code address}, which stops for ever at {@code last}. */
  void order(int number, boolean multifd, Endpoint address, Moment last) throws IOException {
    orders.write(number + " " + multifd + " " + address + " " + last + "\n");
    orders.flush();
  }

  /** Where a destination that was ordered listens. */
  Endpoint address() throws IOException {
    String line = answers.readLine();
    assertThat(line).as("%s", this).isNotNull();
    return Endpoint.parse(line);
  }

  /** What one of its migrations has done so far, or had until it was killed. */
  List<Moment> moments(int number) throws IOException {
    List<Moment> moments = new ArrayList<>();
    String mine = number + " ";
    for (String line : Files.readAllLines(journal)) {
      if (line.startsWith(mine)) {
        moments.add(Moment.valueOf(line.substring(mine.length())));
      }
    }
    return moments;
  }

  /** Returns once it is dead, in the middle of whatever it did. */
  void kill() {
    assertThat(process.isAlive()).as("%s", this).isTrue();
    close();
  }

  /** Returns once it is dead and nothing is left of it but its files. */
  @Override
  public void close() {
    process.destroyForcibly();
    try {
      assertThat(process.waitFor(20, TimeUnit.SECONDS)).as("The process is dead").isTrue();
      orders.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("Interrupted while a process was killed", e);
    } catch (IOException e) {
      // An order that nobody reads any more.
    }
    try {
      answers.close();
    } catch (IOException e) {
      throw new AssertionError("The pipe of a dead process does not close", e);
    }
    assertThat(ProcessHandle.of(process.pid())).as("A zombie").isEmpty();
  }

  /** What it logged. */
  @Override
  public String toString() {
    try {
      return "process " + process.pid() + ": " + Files.readString(log);
    } catch (IOException e) {
      return "process " + process.pid() + " without a log: " + e;
    }
  }
}
