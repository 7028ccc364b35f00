package dev.godwit.transport.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import com.ibm.disni.verbs.IbvWC;
import com.ibm.disni.verbs.SVCPollCq;
import com.ibm.disni.verbs.SVCPostRecv;
import com.ibm.disni.verbs.SVCPostSend;
import com.ibm.disni.verbs.SVCReqNotify;
import com.sun.management.ThreadMXBean;
import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The calls of the data path make no garbage. */
@Tag("softroce")
final class AllocationTest {
  private static final int WARM_UP = 2000;
  private static final int ROUNDS = 500;

  private interface Round {
    void run(int number) throws IOException;
  }

  @Test
  void postingPollingAndArmingAllocateNothing() throws IOException {
    try (Pair pair = Pair.connect()) {
      Side client = pair.client;
      Side server = pair.server;
      MemoryRegion from = client.register(4096);
      MemoryRegion to = server.register(4096);
      SVCPostSend write = client.prepare(Side.write(0, Side.entry(from, 0, 8), 0, to.rkey()));
      SVCPostSend send = client.prepare(Side.send(1, Side.entry(from, 0, 8)));
      SVCPostRecv receive = server.prepareReceive(2, Side.entry(to, 0, 64));
      SVCPollCq sent = client.queue.poll(new IbvWC[] {new IbvWC(), new IbvWC()}, 2);
      SVCPollCq received = server.queue.poll(new IbvWC[] {new IbvWC()}, 1);
      SVCReqNotify arm = client.queue.reqNotification(false);
      Deadline deadline = Side.soon();
      Round round =
          number -> {
            SVCPostSend.SendWRMod request = write.getWrMod(0);
            request.setWr_id(number);
            request.getRdmaMod().setRemote_addr(to.address() + number % 64);
            request.getSgeMod(0).setLength(1 + number % 8);
            receive.execute();
            write.execute();
            send.execute();
            arm.execute();
            int completed = 0;
            while (completed < 2 && !deadline.hasPassed()) {
              completed += sent.execute().getPolls();
            }
            while (received.execute().getPolls() == 0 && !deadline.hasPassed()) {
              Thread.onSpinWait();
            }
            sent.execute();
          };

      for (int i = 0; i < WARM_UP; i++) {
        round.run(i);
      }
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      threads.getCurrentThreadAllocatedBytes();
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < ROUNDS; i++) {
        round.run(i);
      }
      long allocated = threads.getCurrentThreadAllocatedBytes() - before;

      assertThat(deadline.hasPassed()).isFalse();
      // What the measurement itself takes is less than a byte a round.
      assertThat(allocated).isLessThan(ROUNDS);
      from.deregister();
      to.deregister();
    }
  }
}
