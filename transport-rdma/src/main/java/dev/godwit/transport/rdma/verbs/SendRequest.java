package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import com.ibm.disni.verbs.IbvSendWR;
import com.ibm.disni.verbs.SVCPostSend;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * One request of a prepared {@link SendCall}. Patched here; C sees what is written for each post.
 */
final class SendRequest implements SVCPostSend.SendWRMod, SVCPostSend.RdmaMod {
  private final int opcode;
  private final int immediate;
  private final Sge[] sges;
  private long id;
  private int flags;
  private long remoteAddress;
  private int rkey;

  SendRequest(IbvSendWR request) {
    opcode = request.getOpcode();
    if (opcode < IbvSendWR.IBV_WR_RDMA_WRITE || opcode > IbvSendWR.IBV_WR_RDMA_READ) {
      throw new IllegalArgumentException("Only sends, writes and reads are served, not " + opcode);
    }
    immediate = request.getImm_data();
    sges = SendCall.sges(request.getSg_list());
    id = request.getWr_id();
    flags = request.getSend_flags();
    remoteAddress = request.getRdma().getRemote_addr();
    rkey = request.getRdma().getRkey();
  }

  int size() {
    return sges.length;
  }

  /**
   * Checks it and writes it for C; to be followed by {@link #release}, whatever happens.
   *
   * @param at where the request goes
   * @param sgesAt where its entries go
   */
  void write(MemorySegment to, long at, long sgesAt, QueuePair queuePair, String call)
      throws IOException {
    boolean inline = (flags & IbvSendWR.IBV_SEND_INLINE) != 0;
    if (inline) {
      checkInline(queuePair, call);
    }
    for (int i = 0; i < sges.length; i++) {
      sges[i].write(to, sgesAt + i * Layouts.Sge.BYTES, queuePair.domain(), inline, call);
    }
    to.set(JAVA_LONG, at + Layouts.SendWr.WR_ID, id);
    to.set(JAVA_INT, at + Layouts.SendWr.OPCODE, opcode);
    to.set(JAVA_INT, at + Layouts.SendWr.FLAGS, flags);
    to.set(JAVA_INT, at + Layouts.SendWr.IMMEDIATE, immediate);
    to.set(JAVA_LONG, at + Layouts.SendWr.REMOTE_ADDR, remoteAddress);
    to.set(JAVA_INT, at + Layouts.SendWr.RKEY, rkey);
  }

  private void checkInline(QueuePair queuePair, String call) throws IOException {
    long bytes = 0;
    for (Sge sge : sges) {
      bytes += Integer.toUnsignedLong(sge.getLength());
    }
    if (bytes > queuePair.maxInline()) {
      throw Libc.failure(
          bytes + " bytes do not fit into a request, which has room for " + queuePair.maxInline(),
          call,
          Libc.EINVAL);
    }
  }

  void release() {
    for (Sge sge : sges) {
      sge.release();
    }
  }

  @Override
  public void setWr_id(long id) {
    this.id = id;
  }

  @Override
  public long getWr_id() {
    return id;
  }

  @Override
  public void setSend_flags(int flags) {
    this.flags = flags;
  }

  @Override
  public int getSend_flags() {
    return flags;
  }

  @Override
  public int getNum_sge() {
    return sges.length;
  }

  @Override
  public int getOpcode() {
    return opcode;
  }

  @Override
  public SVCPostSend.RdmaMod getRdmaMod() {
    return this;
  }

  @Override
  public SVCPostSend.SgeMod getSgeMod(int index) {
    return sges[index];
  }

  @Override
  public void setRemote_addr(long address) {
    this.remoteAddress = address;
  }

  @Override
  public long getRemote_addr() {
    return remoteAddress;
  }

  @Override
  public void setRkey(int rkey) {
    this.rkey = rkey;
  }

  @Override
  public int getRkey() {
    return rkey;
  }

  @Override
  public void setReserved(int reserved) {
    // C has no such field.
  }

  @Override
  public int getReserved() {
    return 0;
  }
}
