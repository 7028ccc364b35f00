package dev.godwit.lab.libvirt;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** All lines a process has printed so far, read by a thread that ends with the process's output. */
final class Lines {
  private final String name;
  private final List<String> lines = new ArrayList<>();
  private boolean ended;

  private Lines(String name) {
    this.name = name;
  }

  /** Reads from now on; {@code name} is who speaks, for messages. */
  static Lines of(String name, InputStream output) {
    Lines lines = new Lines(name);
    Thread.ofPlatform().name("lines of " + name).daemon().start(() -> lines.read(output));
    return lines;
  }

  private void read(InputStream output) {
    try (var reader = new BufferedReader(new InputStreamReader(output, StandardCharsets.UTF_8))) {
      reader.lines().forEach(this::add);
    } catch (IOException | UncheckedIOException e) {
      add("(unreadable from here on: " + e.getMessage() + ")");
    } finally {
      end();
    }
  }

  private synchronized void add(String line) {
    lines.add(line);
    notifyAll();
  }

  private synchronized void end() {
    ended = true;
    notifyAll();
  }

  /**
   * The {@code nth} line, counted from 1, of those that contain {@code part}.
   *
   * @throws TimeoutException if there is none in time or none can come any more, with all lines
   */
  synchronized String await(String part, int nth, Duration limit)
      throws InterruptedException, TimeoutException {
    long until = System.nanoTime() + limit.toNanos();
    while (true) {
      List<String> found = lines.stream().filter(line -> line.contains(part)).toList();
      if (found.size() >= nth) {
        return found.get(nth - 1);
      }
      long left = until - System.nanoTime();
      if (ended || left <= 0) {
        throw new TimeoutException(
            "%s did not say \"%s\" %d times%s: %s"
                .formatted(
                    name, part, nth, ended ? "" : " within " + limit.toSeconds() + " s", lines));
      }
      TimeUnit.NANOSECONDS.timedWait(this, left);
    }
  }

  /** How many lines there are so far. */
  synchronized int count() {
    return lines.size();
  }

  @Override
  public synchronized String toString() {
    return name + ":\n  " + String.join("\n  ", lines);
  }
}
