package dev.godwit.lab.libvirt;

import dev.godwit.lab.cli.GodwitProgram;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * {@code godwit proxy} as a process of its own, owned: {@link #close} kills it if {@link
 * #terminate} has not ended it.
 */
final class ProxyProcess implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final String LISTENING = "Listening at ";

  private final Process process;
  private final Lines log;
  private final Lines documents;
  private final Thread atExit;
  private int reports;

  private ProxyProcess(Process process, String name) {
    this.process = process;
    log = Lines.of(name, process.getErrorStream());
    documents = Lines.of("the reports of " + name, process.getInputStream());
    atExit = new Thread(process::destroyForcibly, "end " + name);
    Runtime.getRuntime().addShutdownHook(atExit);
  }

  /** Starts it and does not wait. */
  static ProxyProcess start(String listen, String target) throws IOException {
    List<String> command = new ArrayList<>(GodwitProgram.command(256));
    command.addAll(List.of("proxy", "--json", listen, target));
    Process process = new ProcessBuilder(command).start();
    process.getOutputStream().close();
    return new ProxyProcess(process, "godwit proxy " + listen + " " + target);
  }

  /** Waits until it listens and says where. */
  String listening() throws InterruptedException, TimeoutException {
    String line = log.await(LISTENING, 1, PATIENCE);
    String said = line.substring(line.indexOf(LISTENING) + LISTENING.length());
    return said.substring(0, said.indexOf(" for "));
  }

  /** The next report is one that is not there yet; earlier ones are of an earlier test. */
  void skipReports() {
    reports = documents.count();
  }

  /** Waits for its next report. */
  JsonNode report() throws InterruptedException, TimeoutException {
    reports++;
    return JSON.readTree(documents.await("{", reports, PATIENCE));
  }

  /** Asks it to end and waits until it has; its exit status. */
  int terminate() throws InterruptedException, TimeoutException {
    process.destroy();
    if (!process.waitFor(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new TimeoutException("Asked to end, it still runs: " + log);
    }
    return process.exitValue();
  }

  @Override
  public void close() throws InterruptedException {
    process.destroyForcibly();
    process.waitFor();
    Runtime.getRuntime().removeShutdownHook(atExit);
  }

  /** What it logged, for the message of a failure. */
  @Override
  public String toString() {
    return log.toString();
  }
}
