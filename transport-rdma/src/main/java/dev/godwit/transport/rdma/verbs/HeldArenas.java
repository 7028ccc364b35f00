package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Keeps arenas from being closed while their memory is registered: were it freed, the device and
 * the peer would still write to it. Java lets a closable arena be held in one way only, as argument
 * of a native call that runs; so each such arena has a thread that is inside of one. Automatic and
 * global arenas need none: the region itself keeps their memory.
 */
final class HeldArenas {
  /** Scopes that nobody is able to close: of automatic arenas, raw addresses, direct buffers. */
  private static final Set<Class<?>> NEVER_CLOSED =
      Stream.of(
              Arena.ofAuto().scope(),
              Arena.global().scope(),
              MemorySegment.ofBuffer(ByteBuffer.allocateDirect(1)).scope())
          .map(Object::getClass)
          .collect(Collectors.toUnmodifiableSet());

  private final Map<MemorySegment.Scope, Holder> holders = new HashMap<>();

  /** Holds the arena of {@code memory}, until {@link #release} was called as often. */
  synchronized void hold(MemorySegment memory) {
    if (NEVER_CLOSED.contains(memory.scope().getClass())) {
      return;
    }
    Holder holder = holders.get(memory.scope());
    if (holder == null) {
      holder = new Holder();
      holder.start(memory);
      holders.put(memory.scope(), holder);
    }
    holder.count++;
  }

  synchronized void release(MemorySegment memory) {
    Holder holder = holders.get(memory.scope());
    if (holder != null && --holder.count == 0) {
      holders.remove(memory.scope());
      holder.end();
    }
  }

  /** How many arenas are held by a thread. */
  synchronized int size() {
    return holders.size();
  }

  /**
   * A thread inside of {@code bsearch}, which was given the memory as its key, and which has called
   * back to compare it. That it calls back tells that the arena is held by now; it ends when the
   * comparison does.
   */
  private static final class Holder {
    private static final MethodHandle BSEARCH =
        Foreign.LINKER.downcallHandle(
            Foreign.LINKER.defaultLookup().findOrThrow("bsearch"),
            FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS));

    private static final long STACK_BYTES = 256 * 1024;

    private final CountDownLatch settled = new CountDownLatch(1);
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean holds;
    private Thread thread = Thread.currentThread();
    int count;

    void start(MemorySegment memory) {
      thread = new Thread(null, () -> run(memory), "godwit-rdma-hold", STACK_BYTES, false);
      thread.setDaemon(true);
      thread.start();
      awaitUninterruptibly(settled);
      if (!holds) {
        throw new IllegalStateException("The memory's arena is closed already");
      }
    }

    void end() {
      ended.countDown();
      boolean interrupted = false;
      while (true) {
        try {
          thread.join();
          break;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }

    private void run(MemorySegment memory) {
      try (Arena arena = Arena.ofConfined()) {
        MethodHandle compare =
            MethodHandles.lookup()
                .bind(
                    this,
                    "compare",
                    MethodType.methodType(int.class, MemorySegment.class, MemorySegment.class));
        MemorySegment stub =
            Foreign.LINKER.upcallStub(
                compare, FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS), arena);
        MemorySegment list = arena.allocate(JAVA_LONG);
        MemorySegment found = (MemorySegment) BSEARCH.invokeExact(memory, list, 1L, 8L, stub);
        assert found.address() == list.address();
      } catch (IllegalStateException e) {
        // The arena was closed first, as start() sees.
      } catch (Throwable t) {
        throw Foreign.unexpected(t);
      } finally {
        settled.countDown();
      }
    }

    /** Called by C: nothing may be thrown from here. */
    @SuppressWarnings("unused") // called through its handle
    private int compare(MemorySegment key, MemorySegment element) {
      holds = true;
      settled.countDown();
      awaitUninterruptibly(ended);
      return 0;
    }

    private static void awaitUninterruptibly(CountDownLatch latch) {
      boolean interrupted = false;
      while (true) {
        try {
          latch.await();
          break;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
