package dev.godwit.transport.rdma.verbs;

import com.ibm.disni.verbs.IbvMr;
import com.ibm.disni.verbs.SVCRegMr;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** DiSNI's way to register; each execution makes a region, of which the last is told. */
final class RegisterCall extends SVCRegMr {
  private final Backend backend;
  private final ProtectionDomain domain;
  private final MemorySegment memory;
  private final int access;
  private volatile boolean valid = true;
  private volatile @Nullable MemoryRegion region;

  RegisterCall(Backend backend, ProtectionDomain domain, MemorySegment memory, int access) {
    this.backend = backend;
    this.domain = domain;
    this.memory = memory;
    this.access = access;
  }

  @Override
  public SVCRegMr execute() throws IOException {
    if (!valid) {
      throw new ClosedHandleException("prepared registration");
    }
    region = MemoryRegion.register(backend, domain, memory, access);
    return this;
  }

  /** The region, or null before it was executed, as DiSNI has it. */
  @Override
  @SuppressWarnings("NullAway") // DiSNI's own way of saying so
  public IbvMr getMr() {
    return region;
  }

  @Override
  public boolean isValid() {
    return valid;
  }

  /** The region stays. */
  @Override
  public SVCRegMr free() {
    valid = false;
    return this;
  }
}
