package dev.godwit.lab.softroce;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeoutException;

/** What a command in the VM has written so far; others may wait for it while the command runs. */
public final class GuestOutput extends OutputStream {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  @Override
  public synchronized void write(int b) {
    bytes.write(b);
    notifyAll();
  }

  @Override
  public synchronized void write(byte[] source, int offset, int length) {
    bytes.write(source, offset, length);
    notifyAll();
  }

  synchronized byte[] bytes() {
    return bytes.toByteArray();
  }

  public synchronized String text() {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  /** Returns once it has written that. */
  synchronized void await(String part) throws InterruptedException, TimeoutException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!text().contains(part)) {
      long millis = (end - System.nanoTime()) / 1_000_000;
      if (millis <= 0) {
        throw new TimeoutException("The command has not written '" + part + "' but: " + text());
      }
      wait(millis);
    }
  }

  /** Returns the first line that begins so, without its end, once it is whole. */
  public synchronized String awaitLine(String begin, Duration limit)
      throws InterruptedException, TimeoutException {
    long end = System.nanoTime() + limit.toNanos();
    while (true) {
      String all = text();
      int whole = all.lastIndexOf('\n') + 1;
      Optional<String> line =
          all.substring(0, whole).lines().filter(each -> each.startsWith(begin)).findFirst();
      if (line.isPresent()) {
        return line.get();
      }
      long millis = (end - System.nanoTime()) / 1_000_000;
      if (millis <= 0) {
        throw new TimeoutException("No line begins with '" + begin + "' in: " + all);
      }
      wait(millis);
    }
  }
}
