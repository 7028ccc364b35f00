package dev.godwit.transport.rdma.verbs;

import com.ibm.disni.verbs.IbvCQ;
import com.ibm.disni.verbs.IbvCompChannel;
import com.ibm.disni.verbs.IbvContext;
import com.ibm.disni.verbs.IbvMr;
import com.ibm.disni.verbs.IbvPd;
import com.ibm.disni.verbs.IbvQP;
import com.ibm.disni.verbs.IbvRecvWR;
import com.ibm.disni.verbs.IbvSendWR;
import com.ibm.disni.verbs.IbvWC;
import com.ibm.disni.verbs.RdmaVerbs;
import com.ibm.disni.verbs.SVCDeregMr;
import com.ibm.disni.verbs.SVCPollCq;
import com.ibm.disni.verbs.SVCPostRecv;
import com.ibm.disni.verbs.SVCPostSend;
import com.ibm.disni.verbs.SVCRegMr;
import com.ibm.disni.verbs.SVCReqNotify;
import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** DiSNI's verbs. Prepared calls are checked here, and their memory once more at each post. */
final class VerbsCalls extends RdmaVerbs {
  private final Backend backend;

  VerbsCalls(Backend backend) {
    this.backend = backend;
  }

  @Override
  public IbvPd allocPd(IbvContext context) throws IOException {
    return ProtectionDomain.create(backend, Context.of(context));
  }

  @Override
  public int deallocPd(IbvPd domain) throws IOException {
    ProtectionDomain.of(domain).destroy();
    return 0;
  }

  @Override
  public IbvCompChannel createCompChannel(IbvContext context) throws IOException {
    return CompletionChannel.create(backend, Context.of(context));
  }

  @Override
  public int destroyCompChannel(IbvCompChannel channel) throws IOException {
    CompletionChannel.of(channel).destroy();
    return 0;
  }

  @Override
  public IbvCQ createCQ(
      IbvContext context, @Nullable IbvCompChannel channel, int entries, int vector)
      throws IOException {
    return CompletionQueue.create(
        backend,
        Context.of(context),
        channel == null ? null : CompletionChannel.of(channel),
        entries,
        vector);
  }

  @Override
  public int destroyCQ(IbvCQ queue) throws IOException {
    CompletionQueue.of(queue).destroy();
    return 0;
  }

  /** Takes an event of any queue of the channel, and acknowledges it. */
  @Override
  public boolean getCqEvent(IbvCompChannel channel, IbvCQ queue, int millis) throws IOException {
    Deadline deadline = millis < 0 ? Deadline.never() : Deadline.after(Duration.ofMillis(millis));
    return CompletionChannel.of(channel).takeEvent(deadline);
  }

  /** Events are acknowledged as they are taken, so there is nothing to do. */
  @Override
  public int ackCqEvents(IbvCQ queue, int events) {
    return 0;
  }

  /** The whole of a direct buffer, whatever its position and limit. */
  @Override
  public SVCRegMr regMr(IbvPd domain, ByteBuffer buffer, int access) {
    MemorySegment memory = MemorySegment.ofBuffer(buffer.duplicate().clear());
    return new RegisterCall(backend, ProtectionDomain.of(domain), memory, access);
  }

  /** Refused: nothing would keep that memory where it is. */
  @Override
  public SVCRegMr regMr(IbvPd domain, long address, int length, int access) {
    throw new IllegalArgumentException(
        "Memory is registered as a buffer or a memory segment, not by its address");
  }

  @Override
  public SVCDeregMr deregMr(IbvMr region) {
    if (region instanceof MemoryRegion ours) {
      return new DeregisterCall(ours);
    }
    throw new IllegalArgumentException("Not a memory region of this provider: " + region);
  }

  /** On-demand paging by the device is not asked for. */
  @Override
  public int queryOdpSupport(IbvContext context) {
    return 0;
  }

  @Override
  public int expPrefetchMr(IbvMr region, long address, int length) {
    return -1;
  }

  @Override
  public SVCPostSend postSend(
      IbvQP queuePair, List<IbvSendWR> requests, @Nullable List<IbvSendWR> bad) {
    return new SendCall(QueuePair.of(queuePair), requests);
  }

  @Override
  public SVCPostRecv postRecv(
      IbvQP queuePair, List<IbvRecvWR> requests, @Nullable List<IbvRecvWR> bad) {
    return new ReceiveCall(QueuePair.of(queuePair), requests);
  }

  @Override
  public SVCPollCq pollCQ(IbvCQ queue, IbvWC[] completions, int most) {
    return new PollCall(CompletionQueue.of(queue), completions, most);
  }

  @Override
  public SVCReqNotify reqNotifyCQ(IbvCQ queue, boolean solicitedOnly) {
    return new NotifyCall(CompletionQueue.of(queue), solicitedOnly);
  }
}
