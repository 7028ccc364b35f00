package dev.godwit.transport.rdma.verbs;

import com.ibm.disni.verbs.SVCDeregMr;
import java.io.IOException;

/** DiSNI's way to deregister; executing twice does nothing. */
final class DeregisterCall extends SVCDeregMr {
  private final MemoryRegion region;
  private volatile boolean valid = true;

  DeregisterCall(MemoryRegion region) {
    this.region = region;
  }

  @Override
  public SVCDeregMr execute() throws IOException {
    region.deregister();
    return this;
  }

  @Override
  public boolean isValid() {
    return valid;
  }

  @Override
  public SVCDeregMr free() {
    valid = false;
    return this;
  }
}
