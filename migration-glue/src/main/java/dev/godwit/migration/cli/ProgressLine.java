package dev.godwit.migration.cli;

import dev.godwit.migration.drive.Progress;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * One line on a terminal that is written over again and erases itself; nothing where stderr is no
 * terminal.
 */
public final class ProgressLine implements AutoCloseable {
  private static final String ERASE = "\r\033[K";

  private final PrintStream err;
  private final boolean shown;
  private boolean drawn;

  public ProgressLine(Output output) {
    err = output.err();
    shown = !output.isQuiet() && isTerminal();
  }

  void show(Progress progress) {
    show(text(progress));
  }

  /** Shows {@code text} in place of what was shown before. */
  public synchronized void show(String text) {
    if (shown) {
      err.print(ERASE + text);
      err.flush();
      drawn = true;
    }
  }

  @Override
  public synchronized void close() {
    if (drawn) {
      err.print(ERASE);
      err.flush();
      drawn = false;
    }
  }

  /** For example {@code active 42 % 118 MB/s dirty 3 MB/s downtime 12 ms pass 2}. */
  static String text(Progress progress) {
    StringBuilder line = new StringBuilder(progress.state().qemuName());
    progress
        .share()
        .ifPresent(share -> line.append(String.format(Locale.ROOT, "  %3.0f %%", share * 100)));
    line.append(
        String.format(
            Locale.ROOT,
            "  %,d MB  %,d MB/s",
            progress.bytes() / 1_000_000,
            progress.bytesPerSecond() / 1_000_000));
    if (progress.pass() > 1) {
      line.append(
          String.format(
              Locale.ROOT, "  dirty %,d MB/s", progress.dirtyBytesPerSecond() / 1_000_000));
    }
    progress
        .expectedDowntime()
        .ifPresent(
            downtime ->
                line.append(String.format(Locale.ROOT, "  downtime %d ms", downtime.toMillis())));
    if (progress.pass() > 0) {
      line.append("  pass ").append(progress.pass());
    }
    return line.toString();
  }

  private static boolean isTerminal() {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
      return (target.startsWith("/dev/pts/") || target.startsWith("/dev/tty"))
          && !"dumb".equals(System.getenv("TERM"));
    } catch (IOException e) {
      return false;
    }
  }
}
