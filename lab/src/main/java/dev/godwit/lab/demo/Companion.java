package dev.godwit.lab.demo;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The demo's second process, which is this program once more: the destination of all legs. It reads
 * orders, a line each, and answers by documents, a line each. It ends where its input ends, so it
 * does not outlive the demo whatever becomes of that. Owned: closing it ends it and waits for that.
 */
final class Companion implements AutoCloseable {
  private static final long PATIENCE_SECONDS = 5;

  private final Process process;
  private final BufferedReader documents;
  private final Thread listener;
  private volatile String complaint = "";

  /**
   * @param own starts this program
   * @param ramBytes of the guest that it takes
   */
  Companion(OwnCommand own, long ramBytes) throws IOException {
    List<String> command =
        own.with(List.of("demo", "--json", "-q", "--companion", "--ram", Long.toString(ramBytes)));
    process = new ProcessBuilder(command).start();
    documents = reader(process.getInputStream());
    // A read of a pipe keeps a virtual thread on its carrier, of which a small host has one.
    listener = Thread.ofPlatform().daemon().name("godwit-demo-errors").start(this::listen);
  }

  private static BufferedReader reader(InputStream stream) {
    return new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8));
  }

  private void listen() {
    try (BufferedReader lines = reader(process.getErrorStream())) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        complaint = line;
      }
    } catch (IOException e) {
      // It was ended; what it said until then counts.
    }
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** Tells it what to do next. */
  void order(CompanionRole.Order order) throws IOException {
    process.getOutputStream().write((order + "\n").getBytes(StandardCharsets.UTF_8));
    process.getOutputStream().flush();
  }

  /**
   * Waits for its next answer.
   *
   * @throws IOException if that is a failure, with what it said, or if it has ended
   */
  JsonNode answer() throws IOException {
    String line = documents.readLine();
    if (line == null) {
      end();
      throw new IOException(
          complaint.isEmpty() ? "The second process ended without a word" : complaint);
    }
    JsonNode document = JsonMapper.shared().readTree(line);
    if (document.has(CompanionRole.FAILURE)) {
      throw new IOException(document.path(CompanionRole.FAILURE).asString(""));
    }
    return document;
  }

  /** Ends it now; any thread. */
  void cancel() {
    process.destroy();
  }

  private void end() {
    try {
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
      listener.join();
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    try {
      process.getOutputStream().close();
    } catch (IOException e) {
      // It has ended already.
    }
    end();
  }
}
