package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import com.ibm.disni.verbs.IbvRecvWR;
import com.ibm.disni.verbs.SVCPostRecv;
import java.io.IOException;
import java.util.List;

/** A prepared post of receives, for instance one for each slot of a ring. */
final class ReceiveCall extends SVCPostRecv {
  private static final String NAME = "prepared receive";
  private static final String CALL = "ibv_post_recv";

  private final QueuePair queuePair;
  private final long[] ids;
  private final Sge[][] sges;
  private final Chain chain;

  ReceiveCall(QueuePair queuePair, List<IbvRecvWR> requests) {
    this.queuePair = queuePair;
    ids = requests.stream().mapToLong(IbvRecvWR::getWr_id).toArray();
    sges = requests.stream().map(each -> SendCall.sges(each.getSg_list())).toArray(Sge[][]::new);
    int[] entries = new int[sges.length];
    for (int i = 0; i < entries.length; i++) {
      entries[i] = sges[i].length;
      if (entries[i] > queuePair.maxReceiveSge()) {
        throw new IllegalArgumentException(
            "A receive of this queue pair scatters to at most " + queuePair.maxReceiveSge());
      }
    }
    chain = new Chain(Layouts.RecvWr.BYTES, entries);
    for (int i = 0; i < ids.length; i++) {
      chain.memory().set(JAVA_LONG, chain.requestAt(i) + Layouts.RecvWr.WR_ID, ids[i]);
    }
  }

  @Override
  public SVCPostRecv execute() throws IOException {
    chain.begin(NAME);
    try {
      long pointer = queuePair.gate().enter();
      try {
        for (int i = 0; i < sges.length; i++) {
          long at = chain.sgesAt(i);
          for (Sge sge : sges[i]) {
            sge.write(chain.memory(), at, queuePair.domain(), false, CALL);
            at += Layouts.Sge.BYTES;
          }
        }
        chain.post(queuePair.domain().device().postRecv(), pointer, CALL);
      } finally {
        queuePair.gate().leave();
      }
    } finally {
      chain.end();
    }
    return this;
  }

  @Override
  public RecvWRMod getWrMod(int index) {
    long id = ids[index];
    return () -> id;
  }

  @Override
  public boolean isValid() {
    return chain.isValid();
  }

  @Override
  public SVCPostRecv free() {
    chain.invalidate();
    return this;
  }
}
