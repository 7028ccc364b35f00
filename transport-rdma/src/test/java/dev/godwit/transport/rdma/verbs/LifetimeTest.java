package dev.godwit.transport.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.ibm.disni.verbs.IbvCQ;
import com.ibm.disni.verbs.IbvContext;
import com.ibm.disni.verbs.IbvPd;
import com.ibm.disni.verbs.IbvWC;
import com.ibm.disni.verbs.RdmaCm;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaEventChannel;
import com.ibm.disni.verbs.SVCPollCq;
import com.ibm.disni.verbs.SVCPostRecv;
import com.ibm.disni.verbs.SVCPostSend;
import com.ibm.disni.verbs.SVCReqNotify;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Destroying: in the wrong order, twice, too early, and while others are at it. */
@Tag("softroce")
final class LifetimeTest {
  private static final int RACES = 20;

  @Test
  void whatIsStillUsedIsNotDestroyed() throws Exception {
    try (Pair pair = Pair.connect()) {
      Side client = pair.client;
      MemoryRegion region = client.register(4096);

      assertBusy(client.domain::deallocPd, "ibv_dealloc_pd");
      assertBusy(client.queue::destroyCQ, "ibv_destroy_cq");
      assertBusy(client.completions::destroyCompChannel, "ibv_destroy_comp_channel");
      assertBusy(client.id::destroyId, "rdma_destroy_id");
      assertBusy(client.events::destroyEventChannel, "rdma_destroy_event_channel");

      client.prepare(Side.write(1, List.of(), 0, 0)).execute();
      client.complete(1);
      client.id.disconnect();
      client.id.destroyQP();
      assertBusy(client.domain::deallocPd, "ibv_dealloc_pd");
      assertBusy(client.completions::destroyCompChannel, "ibv_destroy_comp_channel");
      region.deregister();
      client.domain.deallocPd();
      client.queue.destroyCQ();
      client.completions.destroyCompChannel();
    }
  }

  private static void assertBusy(ThrowingCallable call, String name) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            ChannelException.Native.class,
            failure -> {
              assertThat(failure.errno()).isEqualTo(Libc.EBUSY);
              assertThat(failure.call()).isEqualTo(name);
            })
        .hasMessageMatching("The .* still .*: Device or resource busy");
  }

  @Test
  void destroyingTwiceDoesNothing() throws Exception {
    Pair pair = Pair.connect();
    MemoryRegion region = pair.client.register(4096);
    region.deregister();
    region.deregister();
    pair.close();

    for (Side side : List.of(pair.client, pair.server)) {
      assertThat(side.id.destroyQP()).isZero();
      assertThat(side.id.destroyEp()).isZero();
      assertThat(side.queue.destroyCQ()).isZero();
      assertThat(side.completions.destroyCompChannel()).isZero();
      assertThat(side.domain.deallocPd()).isZero();
      assertThat(side.id.destroyId()).isZero();
      assertThat(side.events.destroyEventChannel()).isZero();
    }
  }

  @Test
  void whatIsDestroyedAnswersSo() throws Exception {
    Pair pair = Pair.connect();
    Side client = pair.client;
    MemoryRegion region = client.register(4096);
    SVCPostSend send = client.prepare(Side.send(1, Side.entry(region, 0, 8)));
    SVCPostRecv receive = client.prepareReceive(1, Side.entry(region, 0, 8));
    SVCPollCq poll = client.queue.poll(new IbvWC[] {new IbvWC()}, 1);
    SVCReqNotify notify = client.queue.reqNotification(false);
    AsyncEvents events = pair.verbs.asyncEvents(client.id.getVerbs());
    IbvContext device = client.id.getVerbs();
    events.close();
    region.deregister();
    pair.close();

    assertClosed("queue pair", send::execute);
    assertClosed("queue pair", receive::execute);
    assertClosed("completion queue", poll::execute);
    assertClosed("completion queue", notify::execute);
    assertClosed("channel of device events", events::next);
    assertClosed("completion channel", () -> client.completions.getCqEvent(client.queue, 0));
    assertClosed("event channel", () -> client.events.getCmEvent(0));
    assertClosed("event channel", () -> client.events.createId(RdmaCm.RDMA_PS_TCP));
    assertClosed("protection domain", () -> client.register(4096));
    assertClosed("device context", device::allocPd);
    assertClosed("device context", device::createCompChannel);
    assertClosed("device context", () -> device.createCQ(null, 1, 0));
    assertClosed("device context", () -> pair.verbs.device(device));
    assertClosed("device context", () -> pair.verbs.asyncEvents(device));
    assertClosed("id", () -> client.id.listen(1));
    assertClosed("id", client.id::disconnect);
    assertClosed("id", client.id::getSource);
    assertClosed("id", () -> client.id.connect(ConnectionParameters.of(new byte[0])));
    assertClosed("id", () -> client.id.createQP(client.domain, client.attributes));
  }

  private static void assertClosed(String name, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOf(ClosedHandleException.class)
        .hasMessage("The " + name + " is closed");
  }

  @Test
  void aDomainOutlivesTheIdsOfItsDevice() throws Exception {
    Pair pair = Pair.connect();
    IbvContext device = pair.client.id.getVerbs();
    IbvPd domain = device.allocPd();
    pair.close();

    MemoryRegion region =
        pair.verbs.register(
            domain, Arena.ofAuto().allocate(4096), MemoryRegion.IBV_ACCESS_LOCAL_WRITE);
    assertThat(pair.verbs.deviceName(device)).isEqualTo("rxe0");
    region.deregister();
    domain.deallocPd();

    assertClosed("device context", device::allocPd);
  }

  @Test
  void aQueueIsDestroyedThoughItsEventWasNotTaken() throws Exception {
    Pair pair = Pair.connect();
    Side client = pair.client;
    IbvCQ queue = client.queue;
    queue.reqNotification(false).execute();
    client.prepare(Side.write(1, List.of(), 0, 0)).execute();
    assertThat(client.completions.getCqEvent(queue, 60_000)).isTrue();
    client.complete(1);
    queue.reqNotification(false).execute();
    client.prepare(Side.write(2, List.of(), 0, 0)).execute();
    client.complete(2);

    pair.close();
  }

  @Test
  void aWaitWakesForTheChannelThatHasSomething() throws Exception {
    try (Pair pair = Pair.connect();
        Wait wait = Wait.open()) {
      Side client = pair.client;
      int events = wait.add(client.events);
      int completions = wait.add(client.completions);
      client.queue.reqNotification(false).execute();
      assertThat(wait.awaitNanos(0)).isFalse();

      client.prepare(Side.write(1, List.of(), 0, 0)).execute();
      assertThat(wait.await(Side.soon())).isTrue();
      assertThat(wait.isReady(completions)).isTrue();
      assertThat(wait.isReady(events)).isFalse();
      assertThat(client.completions.getCqEvent(client.queue, 0)).isTrue();
      client.complete(1);

      pair.server.id.disconnect();
      assertThat(wait.await(Side.soon())).isTrue();
      assertThat(wait.isReady(events)).isTrue();
      assertThat(wait.isReady(completions)).isFalse();
    }
  }

  @Test
  void whoWaitsIsEndedByTheDestruction() throws Exception {
    RdmaEventChannel first = RdmaEventChannel.createEventChannel();
    RdmaEventChannel second = RdmaEventChannel.createEventChannel();
    Pair pair = Pair.connect();
    Wait wait = Wait.open();
    wait.add(first);
    Queue<Throwable> ends = new ConcurrentLinkedQueue<>();
    List<Thread> threads =
        List.of(
            start(ends, () -> second.getCmEvent(-1)),
            start(ends, () -> pair.client.completions.getCqEvent(pair.client.queue, -1)),
            start(
                ends,
                () -> {
                  while (true) {
                    wait.await(Deadline.never());
                  }
                }));
    first.destroyEventChannel();
    second.destroyEventChannel();
    pair.close();

    for (Thread thread : threads) {
      thread.join();
    }
    wait.close();
    assertThat(ends).hasSize(3).allMatch(ClosedHandleException.class::isInstance);
  }

  private static Thread start(Queue<Throwable> ends, Callable<?> work) {
    CountDownLatch begun = new CountDownLatch(1);
    Thread thread =
        Thread.ofPlatform()
            .start(
                () -> {
                  begun.countDown();
                  try {
                    work.call();
                  } catch (Throwable t) {
                    ends.add(t);
                  }
                });
    try {
      begun.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    return thread;
  }

  /** Whatever is destroyed under those who use it: they get exceptions, and the process lives. */
  @Test
  void destroyingUnderThoseWhoUseItEndsThemOnly() throws Exception {
    for (int race = 0; race < RACES; race++) {
      Pair pair = Pair.connect();
      Side client = pair.client;
      MemoryRegion region = client.register(4096);
      Queue<Throwable> ends = new ConcurrentLinkedQueue<>();
      IbvWC[] completions = {new IbvWC(), new IbvWC()};
      List<Thread> threads = new ArrayList<>();
      threads.add(
          start(ends, forever(client.prepare(Side.send(1, Side.entry(region, 0, 8)))::execute)));
      threads.add(
          start(ends, forever(client.prepareReceive(1, Side.entry(region, 0, 8))::execute)));
      threads.add(start(ends, forever(client.queue.poll(completions, 2)::execute)));
      threads.add(start(ends, forever(client.queue.reqNotification(false)::execute)));
      threads.add(start(ends, forever(() -> client.completions.getCqEvent(client.queue, 0))));
      threads.add(start(ends, forever(() -> client.events.getCmEvent(0))));
      threads.add(
          start(
              ends,
              forever(
                  () -> {
                    client.register(4096).deregister();
                    return 0;
                  })));
      threads.add(start(ends, forever(client.id::disconnect)));

      region.deregister();
      closeAsItGoes(pair);
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(ends).as("race %d", race).allMatch(ClosedHandleException.class::isInstance);
    }
  }

  /** Until it finds itself closed; what a queue that is full or gone answers does not matter. */
  private static Callable<Void> forever(Callable<?> call) {
    return () -> {
      while (true) {
        try {
          call.call();
        } catch (ChannelException.Native e) {
          Thread.onSpinWait();
        }
      }
    };
  }

  /** Others register meanwhile, so that what they use is busy now and then. */
  private static void closeAsItGoes(Pair pair) throws InterruptedException {
    Deadline deadline = Side.soon();
    while (true) {
      try {
        pair.close();
        return;
      } catch (IOException e) {
        if (deadline.hasPassed()) {
          throw new AssertionError(e);
        }
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void nothingIsLeft() throws Exception {
    Pair.connect().close();
    int descriptors = descriptors();
    String resources = resources();

    for (int i = 0; i < 5; i++) {
      try (Pair pair = Pair.connect();
          AsyncEvents events = pair.verbs.asyncEvents(pair.client.id.getVerbs());
          Wait wait = Wait.open();
          Arena arena = Arena.ofShared()) {
        wait.add(events);
        MemorySegment memory = arena.allocate(4096);
        MemoryRegion region = pair.client.register(memory);
        assertThat(resources()).isNotEqualTo(resources);
        region.deregister();
        RdmaCmId unused = pair.client.events.createId(RdmaCm.RDMA_PS_TCP);
        unused.destroyId();
      }
    }

    assertThat(descriptors()).isEqualTo(descriptors);
    assertThat(resources()).isEqualTo(resources);
    assertThat(Backend.installed().arenas().size()).isZero();
  }

  private static int descriptors() {
    String[] open = new File("/proc/self/fd").list();
    assertThat(open).isNotNull();
    return open.length;
  }

  /** How many of each kind the kernel knows of this device. */
  private static String resources() throws Exception {
    Process process = new ProcessBuilder("rdma", "resource", "show", "rxe0").start();
    try (var output = process.inputReader()) {
      String line = output.readLine();
      assertThat(process.waitFor()).isZero();
      assertThat(line).contains("qp", "mr", "pd");
      return line;
    }
  }
}
