package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Leaks;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/**
 * What the kernel holds for RDMA, for all processes of this machine, and what this process has
 * open; to be held against later.
 */
final class DeviceCounts {
  private static final Path SENT_PACKETS =
      Path.of("/sys/class/infiniband/rxe0/ports/1/hw_counters/sent_pkts");

  /** The one of management datagrams. */
  private static final int OF_THE_KERNEL = 1;

  private final Map<String, Integer> kernel;
  private final Leaks leaks;

  private DeviceCounts(Map<String, Integer> kernel, Leaks leaks) {
    this.kernel = kernel;
    this.leaks = leaks;
  }

  /**
   * As it is now; warm up first.
   *
   * @param scratch a directory for thread dumps
   */
  static DeviceCounts baseline(Path scratch) throws IOException, InterruptedException {
    return new DeviceCounts(kernel(), Leaks.baseline(scratch));
  }

  /** Waits until there is no more than at the baseline, and says what is if there stays more. */
  void awaitNone() throws IOException, InterruptedException {
    Await.until("the kernel holds no more than " + kernel, this::isKernelEmpty, this::now);
    assertThat(kernel()).isEqualTo(kernel);
    leaks.awaitNone();
  }

  private boolean isKernelEmpty() throws IOException, InterruptedException {
    return kernel().equals(kernel);
  }

  private String now() {
    try {
      return "but " + kernel();
    } catch (IOException | InterruptedException e) {
      return e.toString();
    }
  }

  /** Domains, queues, queue pairs, ids and regions. */
  private static Map<String, Integer> kernel() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder("rdma", "resource", "show").redirectErrorStream(true).start();
    String all = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    Map<String, Integer> counts = new TreeMap<>();
    String[] words = all.trim().split("\\s+");
    for (int i = 0; i + 1 < words.length; i++) {
      if (words[i + 1].matches("\\d+")) {
        counts.put(words[i], Integer.parseInt(words[i + 1]));
      }
    }
    assertThat(counts).as(all).containsKeys("pd", "cq", "qp", "cm_id", "mr");
    return counts;
  }

  /** Waits until the whole machine has no more than so many queue pairs of a user's. */
  static void awaitQueuePairs(int most) throws IOException, InterruptedException {
    Await.until("at most " + most + " queue pairs are left", () -> queuePairs() <= most);
  }

  private static int queuePairs() throws IOException, InterruptedException {
    return Objects.requireNonNull(kernel().get("qp")) - OF_THE_KERNEL;
  }

  /** How many packets the device has ever sent. */
  static long sentPackets() throws IOException {
    return Long.parseLong(Files.readString(SENT_PACKETS).trim());
  }
}
