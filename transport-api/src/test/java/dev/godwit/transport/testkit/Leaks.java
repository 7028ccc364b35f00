package dev.godwit.transport.testkit;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.HotSpotDiagnosticMXBean.ThreadDumpFormat;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Counts this process's open file descriptors and live threads, virtual ones included, so that a
 * test can show that it left none behind.
 */
public final class Leaks {
  private static final Path DESCRIPTORS = Path.of("/proc/self/fd");

  private final Path scratch;
  private final int descriptors;
  private final int threads;

  private Leaks(Path scratch, int descriptors, int threads) {
    this.scratch = scratch;
    this.descriptors = descriptors;
    this.threads = threads;
  }

  /**
   * What is open now, to be held against later; warm up first.
   *
   * @param scratch a directory for thread dumps
   */
  public static Leaks baseline(Path scratch) throws IOException {
    return new Leaks(scratch, openDescriptors().size(), liveThreads(scratch).size());
  }

  /** Waits until nothing more than at the baseline is open; names what is, if it stays. */
  public void awaitNone() {
    Await.until(
        "no more than " + descriptors + " descriptors are open",
        () -> openDescriptors().size() <= descriptors,
        () -> String.join("\n  ", openDescriptors()));
    Await.until(
        "no more than " + threads + " threads live",
        () -> liveThreads(scratch).size() <= threads,
        () -> String.join("\n  ", liveThreads(scratch)));
  }

  /** What each descriptor points to. */
  public static List<String> openDescriptors() {
    List<String> open = new ArrayList<>();
    try (Stream<Path> all = Files.list(DESCRIPTORS)) {
      for (Path path : all.toList()) {
        try {
          open.add(path.getFileName() + " -> " + Files.readSymbolicLink(path));
        } catch (IOException gone) {
          // Closed meanwhile, or the one that lists this directory.
        }
      }
    } catch (IOException e) {
      throw new AssertionError("Cannot list " + DESCRIPTORS, e);
    }
    return open;
  }

  /** The names of all threads but those of the virtual machine and its thread pool. */
  public static List<String> liveThreads(Path scratch) {
    Path dump = scratch.resolve("threads-" + System.nanoTime());
    try {
      ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
          .dumpThreads(dump.toString(), ThreadDumpFormat.TEXT_PLAIN);
      List<String> threads = new ArrayList<>();
      for (String line : Files.readAllLines(dump)) {
        if (line.startsWith("#") && !ofTheMachine(line)) {
          threads.add(line);
        }
      }
      return threads;
    } catch (IOException e) {
      throw new AssertionError("Cannot look at the threads", e);
    } finally {
      delete(dump);
    }
  }

  private static boolean ofTheMachine(String line) {
    return line.contains("ForkJoinPool")
        || line.contains("VirtualThread-un")
        || line.contains("process reaper")
        || line.contains("Read-Poller")
        || line.contains("Write-Poller")
        || line.contains("MasterPoller")
        || line.contains("Cleaner")
        || line.contains("Attach Listener");
  }

  private static void delete(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      throw new AssertionError("Cannot delete " + path, e);
    }
  }
}
