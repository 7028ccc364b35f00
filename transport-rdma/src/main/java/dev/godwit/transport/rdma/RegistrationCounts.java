package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.RegistrationStats;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;

/** What the registrations of one migration came to. */
final class RegistrationCounts {
  private final AtomicLong registrations = new AtomicLong();
  private final AtomicLong nanos = new AtomicLong();
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicLong mostBytes = new AtomicLong();

  /** Registers memory; what it returns is counted out when it is closed. */
  Registration register(Domain domain, MemorySegment memory, Domain.Rights rights)
      throws ChannelException {
    long start = System.nanoTime();
    Registration registration = domain.register(memory, rights);
    nanos.addAndGet(System.nanoTime() - start);
    registrations.incrementAndGet();
    long length = memory.byteSize();
    mostBytes.accumulateAndGet(bytes.addAndGet(length), Math::max);
    return new Counted(registration, length, bytes);
  }

  RegistrationStats stats() {
    return new RegistrationStats(registrations.get(), nanos.get(), mostBytes.get());
  }

  RdmaStatistics statistics(long evictions) {
    return new RdmaStatistics(
        registrations.get(), nanos.get(), bytes.get(), mostBytes.get(), evictions);
  }
}
