package dev.godwit.lab.softroce;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The port on which the VM is told what to run and says how it ended, line by line; {@code
 * guest.sh} is the other side. Owns a thread that reads until the VM ends.
 */
final class VmControl {
  private final InputStream input;
  private final OutputStream output;
  private final CompletableFuture<Void> ready = new CompletableFuture<>();
  private final Map<String, CompletableFuture<Integer>> running = new ConcurrentHashMap<>();

  /** Begins to read. */
  VmControl(InputStream input, OutputStream output) {
    this.input = input;
    this.output = output;
    Thread.ofVirtual().name("lab VM control").start(this::readAll);
  }

  /** Completes when the VM takes commands, exceptionally with its reason if it never will. */
  CompletableFuture<Void> ready() {
    return ready;
  }

  /** Has the VM run that script; completes with the command's exit status. */
  CompletableFuture<Integer> run(String script, String token) throws IOException {
    CompletableFuture<Integer> status = new CompletableFuture<>();
    running.put(script, status);
    output.write((script + " " + token + "\n").getBytes(StandardCharsets.US_ASCII));
    output.flush();
    return status;
  }

  private void readAll() {
    try (var lines = new BufferedReader(new InputStreamReader(input, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        take(line);
      }
    } catch (IOException e) {
      // The VM has ended, which is noticed elsewhere.
    }
  }

  private void take(String line) {
    String[] words = line.split(" ", 2);
    String rest = words.length > 1 ? words[1] : "";
    switch (words[0]) {
      case "ready" -> ready.complete(null);
      case "failed" -> ready.completeExceptionally(new IOException(rest));
      case "done" -> done(rest.split(" "));
      default -> {} // an echo of the console driver, before the VM has opened the port
    }
  }

  private void done(String[] words) {
    CompletableFuture<Integer> status = running.remove(words[0]);
    if (status == null) {
      return;
    }
    try {
      status.complete(Integer.parseInt(words[words.length - 1]));
    } catch (NumberFormatException e) {
      status.completeExceptionally(
          new IOException("The VM sent '" + words[words.length - 1] + "' for an exit status"));
    }
  }
}
