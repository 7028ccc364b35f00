package dev.godwit.transport.rdma.verbs;

import com.ibm.disni.verbs.IbvSendWR;
import com.ibm.disni.verbs.IbvSge;
import com.ibm.disni.verbs.SVCPostSend;
import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A prepared post of sends, writes and reads. */
final class SendCall extends SVCPostSend {
  private static final String NAME = "prepared send";
  private static final String CALL = "ibv_post_send";

  private final QueuePair queuePair;
  private final SendRequest[] requests;
  private final Chain chain;

  SendCall(QueuePair queuePair, List<IbvSendWR> requests) {
    this.queuePair = queuePair;
    this.requests = requests.stream().map(SendRequest::new).toArray(SendRequest[]::new);
    int[] entries = new int[this.requests.length];
    for (int i = 0; i < entries.length; i++) {
      entries[i] = this.requests[i].size();
      if (entries[i] > queuePair.maxSendSge()) {
        throw new IllegalArgumentException(
            "A send of this queue pair gathers from at most " + queuePair.maxSendSge());
      }
    }
    chain = new Chain(Layouts.SendWr.BYTES, entries);
  }

  /** Copies of the entries; none for null, as DiSNI has it before it was set. */
  static Sge[] sges(@Nullable List<IbvSge> entries) {
    if (entries == null) {
      return new Sge[0];
    }
    Sge[] copies = new Sge[entries.size()];
    Iterator<IbvSge> each = entries.iterator();
    for (int i = 0; i < copies.length; i++) {
      copies[i] = new Sge(each.next());
    }
    return copies;
  }

  @Override
  public SVCPostSend execute() throws IOException {
    chain.begin(NAME);
    try {
      long pointer = queuePair.gate().enter();
      try {
        for (int i = 0; i < requests.length; i++) {
          requests[i].write(chain.memory(), chain.requestAt(i), chain.sgesAt(i), queuePair, CALL);
        }
        chain.post(queuePair.domain().device().postSend(), pointer, CALL);
      } finally {
        for (SendRequest request : requests) {
          request.release();
        }
        queuePair.gate().leave();
      }
    } finally {
      chain.end();
    }
    return this;
  }

  @Override
  public SendWRMod getWrMod(int index) {
    return requests[index];
  }

  @Override
  public boolean isValid() {
    return chain.isValid();
  }

  @Override
  public SVCPostSend free() {
    chain.invalidate();
    return this;
  }
}
