package dev.godwit.transport.rdma.verbs;

import com.ibm.disni.verbs.SVCReqNotify;
import java.io.IOException;

/** Prepared to arm a completion queue: its next completion makes an event. */
final class NotifyCall extends SVCReqNotify {
  private final CompletionQueue queue;
  private final boolean solicitedOnly;
  private volatile boolean valid = true;

  NotifyCall(CompletionQueue queue, boolean solicitedOnly) {
    this.queue = queue;
    this.solicitedOnly = solicitedOnly;
  }

  @Override
  public SVCReqNotify execute() throws IOException {
    if (!valid) {
      throw new ClosedHandleException("prepared notification");
    }
    long pointer = queue.gate().enter();
    try {
      int result = Foreign.quick(queue.device().reqNotifyCq(), pointer, solicitedOnly ? 1 : 0, 0);
      if (result != 0) {
        throw Libc.failure("Cannot arm a completion queue", "ibv_req_notify_cq", Math.abs(result));
      }
    } finally {
      queue.gate().leave();
    }
    return this;
  }

  @Override
  public boolean isValid() {
    return valid;
  }

  @Override
  public SVCReqNotify free() {
    valid = false;
    return this;
  }
}
