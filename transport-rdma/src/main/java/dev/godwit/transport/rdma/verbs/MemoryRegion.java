package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import com.ibm.disni.verbs.IbvMr;
import dev.godwit.transport.ChannelException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Memory that a device may read or write. It holds the memory until it is deregistered, even if
 * nobody holds the region: memory of an automatic arena is not collected, and an arena that is
 * closed meanwhile refuses with an {@link IllegalStateException}. What was mapped in other ways and
 * is unmapped meanwhile stays with the device, but is no longer the memory at that address.
 */
public final class MemoryRegion extends IbvMr {
  /** What lets a peer or the device write. */
  private static final int WRITES =
      IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC;

  /** Only its threads are of interest: nobody ever runs it. */
  private static final Thread ANOTHER_THREAD = Thread.ofPlatform().unstarted(() -> {});

  private final Backend backend;
  private final ProtectionDomain domain;
  private final MemorySegment memory;
  private final long address;
  private final long byteSize;
  private final int localKey;
  private final Handle gate;

  private MemoryRegion(
      Backend backend,
      ProtectionDomain domain,
      MemorySegment memory,
      int access,
      long pointer,
      MemorySegment struct)
      throws IOException {
    super(
        domain.device(),
        memory.address(),
        (int) Math.min(memory.byteSize(), Integer.MAX_VALUE),
        access,
        struct.get(JAVA_INT, Layouts.Mr.LKEY),
        struct.get(JAVA_INT, Layouts.Mr.RKEY),
        struct.get(JAVA_INT, Layouts.Mr.HANDLE));
    this.backend = backend;
    this.domain = domain;
    this.memory = memory;
    this.address = memory.address();
    this.byteSize = memory.byteSize();
    this.localKey = struct.get(JAVA_INT, Layouts.Mr.LKEY);
    this.context = domain.device();
    gate = new Handle("memory region", pointer);
  }

  static MemoryRegion register(
      Backend backend, ProtectionDomain domain, MemorySegment memory, int access)
      throws IOException {
    check(memory, access);
    long domainPointer = domain.gate().enter();
    long pointer = 0;
    boolean done = false;
    try {
      backend.arenas().hold(memory);
      try {
        pointer =
            backend
                .libraries()
                .regMr
                .pointer(
                    "Cannot register " + memory.byteSize() + " bytes of memory",
                    domainPointer,
                    memory.address(),
                    memory.byteSize(),
                    access);
        MemoryRegion region = of(backend, domain, memory, access, pointer);
        domain.regions().add(region);
        domain.gate().adopt();
        done = true;
        return region;
      } finally {
        if (!done) {
          if (pointer != 0) {
            backend.libraries().deregMr.plain(pointer);
          }
          backend.arenas().release(memory);
        }
      }
    } finally {
      domain.gate().leave();
    }
  }

  private static MemoryRegion of(
      Backend backend, ProtectionDomain domain, MemorySegment memory, int access, long pointer)
      throws IOException {
    MemorySegment struct = MemorySegment.ofAddress(pointer).reinterpret(Layouts.Mr.BYTES);
    if (struct.get(JAVA_LONG, Layouts.Mr.ADDR) != memory.address()
        || struct.get(JAVA_LONG, Layouts.Mr.LENGTH) != memory.byteSize()) {
      throw new ChannelException.Unsupported(
          "This host's " + Libraries.VERBS + " lays out memory regions in another way");
    }
    return new MemoryRegion(backend, domain, memory, access, pointer, struct);
  }

  private static void check(MemorySegment memory, int access) {
    if (!memory.isNative()) {
      throw new IllegalArgumentException("Memory of the Java heap cannot be registered");
    }
    if (memory.byteSize() == 0) {
      throw new IllegalArgumentException("Nothing is to be registered: the memory is empty");
    }
    if (!memory.isAccessibleBy(ANOTHER_THREAD)) {
      throw new IllegalArgumentException("Memory of a confined arena cannot be registered");
    }
    if (memory.isReadOnly() && (access & WRITES) != 0) {
      throw new IllegalArgumentException("Read-only memory cannot be registered for writes");
    }
  }

  /** What was registered. */
  public MemorySegment memory() {
    return memory;
  }

  /** Where it begins, as the device and the peer address it. */
  public long address() {
    return address;
  }

  /** In bytes; DiSNI's own {@code getLength} ends at 2 GiB - 1. */
  public long byteSize() {
    return byteSize;
  }

  /** For work requests of this side, within the region's protection domain. */
  public int lkey() {
    return localKey;
  }

  /** For work requests of the peer. */
  public int rkey() {
    return getRkey();
  }

  /** Whether it is registered. */
  public boolean isRegistered() {
    return gate.isOpen();
  }

  /**
   * Takes the device's and the peer's access away and lets go of the memory; nothing touches it
   * once this returned. Work requests that still name it complete with an error. Idempotent; waits
   * for a call that is just posting from it.
   */
  public void deregister() throws IOException {
    NativeFunction deregMr = backend.libraries().deregMr;
    if (gate.destroy(
        deregMr.name(), pointer -> deregMr.status("Cannot deregister memory", pointer))) {
      domain.regions().remove(this);
      backend.arenas().release(memory);
      domain.gate().release();
      close();
    }
  }

  Handle gate() {
    return gate;
  }

  ProtectionDomain domain() {
    return domain;
  }

  /** Whether it holds these bytes. */
  boolean covers(long from, long length) {
    return from >= address && length <= byteSize && from - address <= byteSize - length;
  }
}
