package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import com.ibm.disni.verbs.IbvPd;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Those regions that the queue pairs of the same domain may use. */
final class ProtectionDomain extends IbvPd {
  private final Backend backend;
  private final Context device;
  private final Handle gate;
  private final Regions regions = new Regions();

  private ProtectionDomain(Backend backend, Context device, long pointer) throws IOException {
    super(device);
    this.backend = backend;
    this.device = device;
    this.context = device;
    gate = new Handle("protection domain", pointer);
    this.handle =
        MemorySegment.ofAddress(pointer)
            .reinterpret(Layouts.Pd.BYTES)
            .get(JAVA_INT, Layouts.Pd.HANDLE);
    isOpen = true;
  }

  static ProtectionDomain create(Backend backend, Context device) throws IOException {
    backend.contexts().hold(device);
    long pointer = 0;
    boolean done = false;
    try {
      pointer =
          backend.libraries().allocPd.pointer("Cannot make a protection domain", device.pointer());
      ProtectionDomain domain = new ProtectionDomain(backend, device, pointer);
      done = true;
      return domain;
    } finally {
      if (!done) {
        if (pointer != 0) {
          backend.libraries().deallocPd.plain(pointer);
        }
        backend.contexts().release(device);
      }
    }
  }

  static ProtectionDomain of(IbvPd domain) {
    if (domain instanceof ProtectionDomain ours) {
      return ours;
    }
    throw new IllegalArgumentException("Not a protection domain of this provider: " + domain);
  }

  Context device() {
    return device;
  }

  Handle gate() {
    return gate;
  }

  /** Holds all that is registered, for as long as the domain lives. */
  Regions regions() {
    return regions;
  }

  void destroy() throws IOException {
    NativeFunction deallocPd = backend.libraries().deallocPd;
    if (gate.destroy(
        deallocPd.name(),
        pointer -> deallocPd.status("Cannot destroy a protection domain", pointer))) {
      backend.contexts().release(device);
      close();
    }
  }
}
