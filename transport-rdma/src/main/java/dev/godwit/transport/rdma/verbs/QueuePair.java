package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import com.ibm.disni.verbs.IbvPd;
import com.ibm.disni.verbs.IbvQP;
import com.ibm.disni.verbs.IbvQPCap;
import com.ibm.disni.verbs.IbvQPInitAttr;
import dev.godwit.transport.ChannelException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A send queue and a receive queue, connected to those of a peer. */
final class QueuePair extends IbvQP {
  private final Backend backend;
  private final ProtectionDomain domain;
  private final CompletionQueue sends;
  private final CompletionQueue receives;
  private final Handle gate;
  private final int maxSendSge;
  private final int maxReceiveSge;
  private final int maxInline;

  private QueuePair(
      Backend backend,
      ProtectionDomain domain,
      CompletionQueue sends,
      CompletionQueue receives,
      long pointer,
      MemorySegment struct,
      IbvQPCap cap)
      throws IOException {
    super(struct.get(JAVA_INT, Layouts.Qp.HANDLE));
    this.backend = backend;
    this.domain = domain;
    this.sends = sends;
    this.receives = receives;
    this.context = domain.device();
    this.pd = domain;
    this.send_cq = sends;
    this.recv_cq = receives;
    this.qp_num = struct.get(JAVA_INT, Layouts.Qp.NUMBER);
    this.qp_type = IBV_QPT_RC;
    gate = new Handle("queue pair", pointer);
    maxSendSge = cap.getMax_send_sge();
    maxReceiveSge = cap.getMax_recv_sge();
    maxInline = cap.getMax_inline_data();
    isOpen = true;
  }

  /** Makes the queue pair of an id; the caller has the lock of the id's channel. */
  static QueuePair create(Backend backend, CmId id, IbvPd pd, IbvQPInitAttr attributes)
      throws IOException {
    ProtectionDomain domain = ProtectionDomain.of(pd);
    CompletionQueue sends = CompletionQueue.of(attributes.getSend_cq());
    CompletionQueue receives = CompletionQueue.of(attributes.getRecv_cq());
    check(id, domain, sends, receives, attributes);
    domain.gate().enter();
    try {
      long sendsPointer = sends.gate().enter();
      try {
        long receivesPointer = receives.gate().enter();
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment encoded = encode(arena, sendsPointer, receivesPointer, attributes);
          QueuePair queuePair =
              create(backend, id, domain, sends, receives, encoded, attributes.cap());
          domain.gate().adopt();
          sends.gate().adopt();
          receives.gate().adopt();
          return queuePair;
        } finally {
          receives.gate().leave();
        }
      } finally {
        sends.gate().leave();
      }
    } finally {
      domain.gate().leave();
    }
  }

  private static QueuePair create(
      Backend backend,
      CmId id,
      ProtectionDomain domain,
      CompletionQueue sends,
      CompletionQueue receives,
      MemorySegment encoded,
      IbvQPCap cap)
      throws IOException {
    long domainPointer = domain.gate().pointer();
    Libraries libraries = backend.libraries();
    libraries.createQp.number(
        "Cannot make a queue pair", id.pointer(), domainPointer, encoded.address());
    boolean done = false;
    try {
      long pointer = id.struct().get(JAVA_LONG, Layouts.CmId.QP);
      MemorySegment struct = MemorySegment.ofAddress(pointer).reinterpret(Layouts.Qp.BYTES);
      if (struct.get(JAVA_LONG, Layouts.Qp.CONTEXT) != domain.device().pointer()
          || struct.get(JAVA_LONG, Layouts.Qp.PD) != domainPointer) {
        throw new ChannelException.Unsupported(
            "This host's " + Libraries.VERBS + " lays out queue pairs in another way");
      }
      decode(encoded, cap);
      QueuePair queuePair = new QueuePair(backend, domain, sends, receives, pointer, struct, cap);
      domain.device().register(pointer, queuePair.qp_num);
      done = true;
      return queuePair;
    } finally {
      if (!done) {
        libraries.destroyQp.plain(id.pointer());
      }
    }
  }

  private static void check(
      CmId id,
      ProtectionDomain domain,
      CompletionQueue sends,
      CompletionQueue receives,
      IbvQPInitAttr attributes) {
    if (attributes.getQp_type() != IBV_QPT_RC) {
      throw new IllegalArgumentException("Only reliable connected queue pairs are served");
    }
    if (attributes.getSrq() != 0) {
      throw new IllegalArgumentException("Shared receive queues are not served");
    }
    IbvQPCap cap = attributes.cap();
    if (cap.getMax_send_wr() < 0
        || cap.getMax_recv_wr() < 0
        || cap.getMax_send_sge() < 0
        || cap.getMax_recv_sge() < 0
        || cap.getMax_inline_data() < 0) {
      throw new IllegalArgumentException("A queue pair's capabilities are not negative");
    }
    Context device = domain.device();
    if (id.context() != device || sends.device() != device || receives.device() != device) {
      throw new IllegalArgumentException(
          "The id, the protection domain and the completion queues are of different devices");
    }
  }

  private static MemorySegment encode(
      Arena arena, long sends, long receives, IbvQPInitAttr attributes) {
    MemorySegment encoded = arena.allocate(Layouts.QpInit.BYTES, Long.BYTES);
    IbvQPCap cap = attributes.cap();
    encoded.set(JAVA_LONG, Layouts.QpInit.SEND_CQ, sends);
    encoded.set(JAVA_LONG, Layouts.QpInit.RECV_CQ, receives);
    encoded.set(JAVA_INT, Layouts.QpInit.MAX_SEND_WR, cap.getMax_send_wr());
    encoded.set(JAVA_INT, Layouts.QpInit.MAX_RECV_WR, cap.getMax_recv_wr());
    encoded.set(JAVA_INT, Layouts.QpInit.MAX_SEND_SGE, cap.getMax_send_sge());
    encoded.set(JAVA_INT, Layouts.QpInit.MAX_RECV_SGE, cap.getMax_recv_sge());
    encoded.set(JAVA_INT, Layouts.QpInit.MAX_INLINE, cap.getMax_inline_data());
    encoded.set(JAVA_INT, Layouts.QpInit.TYPE, IBV_QPT_RC);
    encoded.set(JAVA_INT, Layouts.QpInit.SIGNAL_ALL, attributes.getSq_sig_all());
    return encoded;
  }

  /** The device may give more than was asked for. */
  private static void decode(MemorySegment encoded, IbvQPCap cap) {
    cap.setMax_send_wr(encoded.get(JAVA_INT, Layouts.QpInit.MAX_SEND_WR));
    cap.setMax_recv_wr(encoded.get(JAVA_INT, Layouts.QpInit.MAX_RECV_WR));
    cap.setMax_send_sge(encoded.get(JAVA_INT, Layouts.QpInit.MAX_SEND_SGE));
    cap.setMax_recv_sge(encoded.get(JAVA_INT, Layouts.QpInit.MAX_RECV_SGE));
    cap.setMax_inline_data(encoded.get(JAVA_INT, Layouts.QpInit.MAX_INLINE));
  }

  static QueuePair of(IbvQP queuePair) {
    if (queuePair instanceof QueuePair ours) {
      return ours;
    }
    throw new IllegalArgumentException("Not a queue pair of this provider: " + queuePair);
  }

  /** Most entries that a send may gather from. */
  int maxSendSge() {
    return maxSendSge;
  }

  /** Most entries that a receive may scatter to. */
  int maxReceiveSge() {
    return maxReceiveSge;
  }

  /** Most bytes that a send may carry in the request itself. */
  int maxInline() {
    return maxInline;
  }

  ProtectionDomain domain() {
    return domain;
  }

  Handle gate() {
    return gate;
  }

  /** Destroys it through the id that it belongs to; the caller has the lock of its channel. */
  void destroy(long id) throws IOException {
    NativeFunction destroyQp = backend.libraries().destroyQp;
    if (gate.destroy(
        destroyQp.name(),
        pointer -> {
          destroyQp.plain(id);
          domain.device().unregister(pointer);
        })) {
      domain.gate().release();
      sends.gate().release();
      receives.gate().release();
      close();
    }
  }
}
