package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import com.ibm.disni.verbs.IbvWC;
import com.ibm.disni.verbs.SVCPollCq;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A prepared poll. It fills the same completions again and again, all fields, whatever the status;
 * those of a failed one mean something only as far as the verbs say: id, status, queue pair and
 * vendor's error.
 */
final class PollCall extends SVCPollCq {
  private static final String NAME = "prepared poll";

  /** Opcodes from here on are of receives. */
  private static final int RECEIVES = 128;

  private final CompletionQueue queue;
  private final IbvWC[] completions;
  private final int most;
  private final MemorySegment memory;
  private final AtomicBoolean busy = new AtomicBoolean();
  private volatile boolean valid = true;
  private int polls;

  PollCall(CompletionQueue queue, IbvWC[] completions, int most) {
    if (most <= 0 || most > completions.length) {
      throw new IllegalArgumentException(
          "From 1 to " + completions.length + " completions can be polled, not " + most);
    }
    this.queue = queue;
    this.completions = completions.clone();
    this.most = most;
    for (int i = 0; i < most; i++) {
      if (this.completions[i] == null) {
        throw new IllegalArgumentException("There is no completion to fill at " + i);
      }
    }
    memory = Arena.ofAuto().allocate(most * Layouts.Wc.BYTES, Long.BYTES);
  }

  @Override
  public SVCPollCq execute() throws IOException {
    if (!valid) {
      throw new ClosedHandleException(NAME);
    }
    if (!busy.compareAndSet(false, true)) {
      throw new IllegalStateException("The " + NAME + " is used by two threads at once");
    }
    try {
      polls = 0;
      int polled = poll();
      if (polled < 0 || polled > most) {
        throw Libc.failure(
            "Cannot poll a completion queue", "ibv_poll_cq", polled < -1 ? -polled : Libc.EINVAL);
      }
      for (int i = 0; i < polled; i++) {
        fill(completions[i], i * Layouts.Wc.BYTES);
      }
      polls = polled;
    } finally {
      busy.set(false);
    }
    return this;
  }

  private int poll() throws ClosedHandleException {
    long pointer = queue.gate().enter();
    try {
      return Foreign.quick(queue.device().pollCq(), pointer, most, memory.address());
    } finally {
      queue.gate().leave();
    }
  }

  private void fill(IbvWC completion, long at) {
    int opcode = memory.get(JAVA_INT, at + Layouts.Wc.OPCODE);
    completion.setWr_id(memory.get(JAVA_LONG, at + Layouts.Wc.WR_ID));
    completion.setStatus(memory.get(JAVA_INT, at + Layouts.Wc.STATUS));
    completion.setOpcode(opcode);
    completion.setSend(opcode < RECEIVES);
    completion.setVendor_err(memory.get(JAVA_INT, at + Layouts.Wc.VENDOR_ERROR));
    completion.setByte_len(memory.get(JAVA_INT, at + Layouts.Wc.BYTE_LEN));
    completion.setImm_data(memory.get(JAVA_INT, at + Layouts.Wc.IMMEDIATE));
    completion.setQp_num(memory.get(JAVA_INT, at + Layouts.Wc.QP_NUMBER));
    completion.setSrc_qp(memory.get(JAVA_INT, at + Layouts.Wc.SRC_QP));
    completion.setWc_flags(memory.get(JAVA_INT, at + Layouts.Wc.FLAGS));
    completion.setPkey_index(memory.get(JAVA_SHORT, at + Layouts.Wc.PKEY_INDEX));
    completion.setSlid(memory.get(JAVA_SHORT, at + Layouts.Wc.SLID));
    completion.setSl(octet(at + Layouts.Wc.SL));
    completion.setDlid_path_bits(octet(at + Layouts.Wc.DLID_PATH_BITS));
  }

  private short octet(long at) {
    return (short) Byte.toUnsignedInt(memory.get(JAVA_BYTE, at));
  }

  /** How many the last execution filled. */
  @Override
  public int getPolls() {
    return polls;
  }

  @Override
  public boolean isValid() {
    return valid;
  }

  @Override
  public SVCPollCq free() {
    valid = false;
    return this;
  }
}
