package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Queue pairs and domains within this process, so that everything above verbs runs on any host. It
 * checks keys, bounds and rights as a device does, has no mercy with a peer that posts no receives,
 * and delivers late as often as the seed says.
 */
final class FakeFabric {
  private record Request(
      long work, boolean send, MemorySegment bytes, long remoteAddress, int remoteKey) {}

  private record Completion(long work, int status, int bytes) {}

  final ReentrantLock lock = new ReentrantLock();
  private final Map<Integer, FakeRegistration> keys = new HashMap<>();
  private final Random random;
  private int nextKey = 1;

  /** Registrations fail beyond this, as with a limit of locked memory. */
  long lockableBytes = Long.MAX_VALUE;

  private long registeredBytes;
  private long writes;
  private long probes;

  FakeFabric(long seed) {
    random = new Random(seed);
  }

  int registrations() {
    lock.lock();
    try {
      return keys.size();
    } finally {
      lock.unlock();
    }
  }

  /** How many writes with bytes were posted. */
  long writes() {
    lock.lock();
    try {
      return writes;
    } finally {
      lock.unlock();
    }
  }

  /** How many writes without bytes were posted. */
  long probes() {
    lock.lock();
    try {
      return probes;
    } finally {
      lock.unlock();
    }
  }

  Domain domain() {
    return new FakeDomain();
  }

  private final class FakeDomain implements Domain {
    @Override
    public Registration register(MemorySegment memory, Rights rights) throws ChannelException {
      lock.lock();
      try {
        if (registeredBytes + memory.byteSize() > lockableBytes) {
          throw new ChannelException.Refused("The limit of locked memory is " + lockableBytes);
        }
        registeredBytes += memory.byteSize();
        FakeRegistration made = new FakeRegistration(this, memory, rights, nextKey++);
        keys.put(made.key, made);
        return made;
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void close() {}
  }

  private final class FakeRegistration implements Registration {
    private final FakeDomain domain;
    private final MemorySegment memory;
    private final Domain.Rights rights;
    private final int key;

    FakeRegistration(FakeDomain domain, MemorySegment memory, Domain.Rights rights, int key) {
      this.domain = domain;
      this.memory = memory;
      this.rights = rights;
      this.key = key;
    }

    @Override
    public long address() {
      return memory.address();
    }

    @Override
    public int localKey() {
      return key;
    }

    @Override
    public int remoteKey() {
      return key;
    }

    private @Nullable MemorySegment part(long address, long length) {
      long at = address - memory.address();
      return at < 0 || at > memory.byteSize() - length ? null : memory.asSlice(at, length);
    }

    @Override
    public void close() {
      lock.lock();
      try {
        if (keys.remove(key) != null) {
          registeredBytes -= memory.byteSize();
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /** One end of a connection. */
  final class FakeQueuePair implements QueuePair {
    private final Condition bell = lock.newCondition();
    private final Rings rings;
    private final FakeDomain domain;
    private final Deque<Integer> receives = new ArrayDeque<>();
    private final Deque<Request> pending = new ArrayDeque<>();
    private final Deque<Completion> completions = new ArrayDeque<>();
    private final Deque<Event> events = new ArrayDeque<>();
    private @Nullable FakeQueuePair peer;
    private boolean rung;
    private boolean ended;
    private boolean closed;

    /** The link is cut: nothing is executed, nothing completes. */
    volatile boolean deaf;

    FakeQueuePair(Rings rings, Domain domain) {
      this.rings = rings;
      this.domain = (FakeDomain) domain;
    }

    void connect(FakeQueuePair other) {
      peer = other;
      other.peer = this;
    }

    @Override
    public void postReceive(int slot) {
      lock.lock();
      try {
        if (ended) {
          complete(Work.of(Work.RECEIVE, slot), Completions.FLUSHED, 0);
        } else {
          receives.add(slot);
          runPeer();
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void postSend(long work, long ringOffset, int length) throws ChannelException {
      post(new Request(work, true, rings.memory().asSlice(ringOffset, length), 0, 0));
    }

    @Override
    public void postWrite(
        long work, long address, int localKey, int length, long remoteAddress, int remoteKey)
        throws ChannelException {
      lock.lock();
      try {
        MemorySegment bytes = MemorySegment.NULL;
        if (length > 0) {
          FakeRegistration local = keys.get(localKey);
          bytes = local == null ? null : local.part(address, length);
          if (local == null || local.domain != domain || bytes == null) {
            throw new AssertionError("A write from where nothing is registered");
          }
          writes++;
        } else {
          probes++;
        }
        post(new Request(work, false, bytes, remoteAddress, remoteKey));
      } finally {
        lock.unlock();
      }
    }

    /** How many sends are posted that have not got there. */
    int sendsUnderWay() {
      lock.lock();
      try {
        return (int) pending.stream().filter(Request::send).count();
      } finally {
        lock.unlock();
      }
    }

    private void post(Request request) throws ChannelException {
      lock.lock();
      try {
        if (closed) {
          throw new ChannelException.Lost("The queue pair is closed");
        }
        if (ended) {
          complete(request.work(), Completions.FLUSHED, 0);
          return;
        }
        pending.add(request);
        if (random.nextBoolean()) {
          run();
        }
      } finally {
        lock.unlock();
      }
    }

    /** Executes what can be. */
    private void run() {
      FakeQueuePair there = peer;
      while (there != null && !deaf && !pending.isEmpty()) {
        Request request = pending.element();
        if (there.ended) {
          fail(Completions.RETRY_EXCEEDED);
          return;
        }
        if (request.send()) {
          Integer slot = there.receives.poll();
          if (slot == null) {
            return;
          }
          int length = (int) request.bytes().byteSize();
          if (length > there.rings.slotBytes()) {
            there.complete(Work.of(Work.RECEIVE, slot), Completions.LOCAL_LENGTH_ERROR, length);
            fail(Completions.REMOTE_INVALID_REQUEST);
            return;
          }
          MemorySegment.copy(
              request.bytes(), 0, there.rings.memory(), there.rings.receiveOffset(slot), length);
          there.complete(Work.of(Work.RECEIVE, slot), Completions.SUCCESS, length);
        } else if (request.bytes().byteSize() > 0) {
          FakeRegistration remote = keys.get(request.remoteKey());
          MemorySegment target =
              remote == null
                  ? null
                  : remote.part(request.remoteAddress(), request.bytes().byteSize());
          if (remote == null
              || target == null
              || remote.domain != there.domain
              || remote.rights != Domain.Rights.REMOTE_WRITE) {
            fail(Completions.REMOTE_ACCESS_ERROR);
            return;
          }
          target.copyFrom(request.bytes());
        }
        pending.remove();
        complete(request.work(), Completions.SUCCESS, 0);
      }
    }

    private void runPeer() {
      if (peer != null) {
        peer.run();
      }
    }

    private void fail(int status) {
      complete(pending.remove().work(), status, 0);
      flush();
      FakeQueuePair there = peer;
      if (there != null && !there.ended) {
        there.flush();
      }
    }

    private void flush() {
      ended = true;
      for (Request request : pending) {
        complete(request.work(), Completions.FLUSHED, 0);
      }
      pending.clear();
      for (int slot : receives) {
        complete(Work.of(Work.RECEIVE, slot), Completions.FLUSHED, 0);
      }
      receives.clear();
    }

    private void complete(long work, int status, int bytes) {
      if (Work.kind(work) == Work.QUIET_WRITE && status == Completions.SUCCESS) {
        return;
      }
      completions.add(new Completion(work, status, bytes));
      bell.signalAll();
    }

    @Override
    public int poll(Completions into) {
      lock.lock();
      try {
        if (random.nextInt(4) == 0) {
          run();
          runPeer();
        }
        int found = 0;
        while (found < Completions.CAPACITY && !completions.isEmpty()) {
          Completion next = completions.remove();
          into.work[found] = next.work();
          into.status[found] = next.status();
          into.bytes[found++] = next.bytes();
        }
        return found;
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void arm() {}

    @Override
    public void sleep(long nanos) {
      lock.lock();
      try {
        run();
        runPeer();
        long left = nanos;
        while (completions.isEmpty() && events.isEmpty() && !rung && left > 0) {
          left = bell.awaitNanos(left);
        }
        rung = false;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void wake() {
      lock.lock();
      try {
        rung = true;
        bell.signalAll();
      } finally {
        lock.unlock();
      }
    }

    @Override
    public Event nextEvent() {
      lock.lock();
      try {
        Event event = events.poll();
        return event == null ? Event.NONE : event;
      } finally {
        lock.unlock();
      }
    }

    void happen(Event event) {
      lock.lock();
      try {
        events.add(event);
        bell.signalAll();
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void disconnect() {
      lock.lock();
      try {
        if (!deaf && !ended) {
          run();
        }
        flush();
        FakeQueuePair there = peer;
        peer = null;
        if (there != null && !deaf && there.peer == this) {
          there.happen(Event.DISCONNECTED);
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public String statusText(int status) {
      return "fake status";
    }

    @Override
    public int maxWriteBytes() {
      return 1 << 16;
    }

    @Override
    public void close() throws ChannelException {
      disconnect();
      closed = true;
    }
  }

  FakeQueuePair queuePair(Rings rings, Domain domain) {
    return new FakeQueuePair(rings, domain);
  }
}
