package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Task;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Puts and gets make no garbage, wherever the pages are. */
@Tag("softroce")
final class PutAllocationTest {
  private static final int PAGE = 4096;
  private static final int PAGES = 1024;
  private static final int WARM_UP = 2048;
  private static final int PUTS = 2048;

  /** Pages that are announced together. */
  private static final int TOGETHER = 512;

  private interface Step {
    void run(int number) throws Exception;
  }

  private static long place(int number) {
    return (long) PAGE * (number * 7 % PAGES);
  }

  private static long allocatedBytes(Step step) throws Exception {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    for (int i = 0; i < WARM_UP; i++) {
      step.run(i);
    }
    threads.getCurrentThreadAllocatedBytes();
    long before = threads.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < PUTS; i++) {
      step.run(i);
    }
    return threads.getCurrentThreadAllocatedBytes() - before;
  }

  @Test
  void puttingAndGettingAllocateNothingAPage() throws Exception {
    RdmaTransport transport = new RdmaTransport();
    Deadline deadline = Deadline.after(Await.LIMIT);
    try (Arena arena = Arena.ofShared();
        Listener listener = transport.listen(Endpoint.parse("rdma:" + RdmaFixture.ADDRESS + ":0"));
        Dialer dialer = transport.dialer(listener.local())) {
      Task<Channel> accepting = Task.start("accept", () -> listener.accept(deadline));
      try (Channel out = dialer.dial(deadline);
          Channel in = accepting.result();
          Region src =
              out.info()
                  .peer()
                  .register("ram", arena.allocate((long) PAGE * PAGES, PAGE), Access.LOCAL);
          Region dst =
              in.info()
                  .peer()
                  .register(
                      "ram", arena.allocate((long) PAGE * PAGES, PAGE), Access.REMOTE_WRITE)) {
        RemoteRegion remote = out.info().peer().remote("ram", deadline);
        Task<Long> getting =
            Task.start("get", () -> allocatedBytes(number -> in.get(dst, place(number), PAGE)));
        long putting =
            allocatedBytes(
                number -> {
                  out.put(src, place(number), remote, place(number), PAGE);
                  if (number % TOGETHER == TOGETHER - 1) {
                    out.flush();
                  }
                });
        // Each wait takes a little, and there are few of them.
        assertThat(putting).as("bytes for %d puts", PUTS).isLessThan(8L * PUTS);
        assertThat(getting.result()).as("bytes for %d gets", PUTS).isLessThan(8L * PUTS);
      }
    }
  }
}
