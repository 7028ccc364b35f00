package dev.godwit.transport.rdma.verbs;

import static com.ibm.disni.verbs.RdmaCmEvent.EventType;

import com.ibm.disni.verbs.IbvCQ;
import com.ibm.disni.verbs.IbvCompChannel;
import com.ibm.disni.verbs.IbvPd;
import com.ibm.disni.verbs.IbvQP;
import com.ibm.disni.verbs.IbvQPInitAttr;
import com.ibm.disni.verbs.IbvRecvWR;
import com.ibm.disni.verbs.IbvSendWR;
import com.ibm.disni.verbs.IbvSge;
import com.ibm.disni.verbs.IbvWC;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaEventChannel;
import com.ibm.disni.verbs.SVCPollCq;
import com.ibm.disni.verbs.SVCPostRecv;
import com.ibm.disni.verbs.SVCPostSend;
import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.LinkedList;
import java.util.List;

/** One end of a connection: its id with all that a queue pair needs. */
final class Side implements AutoCloseable {
  static final int DEPTH = 16;
  static final Duration PATIENCE = Duration.ofSeconds(60);

  final Verbs verbs;
  final RdmaEventChannel events;
  final RdmaCmId id;
  final IbvPd domain;
  final IbvCompChannel completions;
  final IbvCQ queue;
  final IbvQP queuePair;
  final IbvQPInitAttr attributes = new IbvQPInitAttr();

  Side(Verbs verbs, RdmaEventChannel events, RdmaCmId id) throws IOException {
    this.verbs = verbs;
    this.events = events;
    this.id = id;
    domain = id.getVerbs().allocPd();
    completions = id.getVerbs().createCompChannel();
    queue = id.getVerbs().createCQ(completions, 4 * DEPTH, 0);
    attributes.setQp_type(IbvQP.IBV_QPT_RC);
    attributes.setSend_cq(queue);
    attributes.setRecv_cq(queue);
    attributes.cap().setMax_send_wr(DEPTH);
    attributes.cap().setMax_recv_wr(DEPTH);
    attributes.cap().setMax_send_sge(2);
    attributes.cap().setMax_recv_sge(2);
    attributes.cap().setMax_inline_data(64);
    queuePair = id.createQP(domain, attributes);
  }

  static Deadline soon() {
    return Deadline.after(PATIENCE);
  }

  /** The next event, which must be of this type. */
  static CmEvent expect(Verbs verbs, RdmaEventChannel events, EventType type) throws IOException {
    CmEvent event =
        verbs.event(events, soon()).orElseThrow(() -> new AssertionError("No " + type + " came"));
    if (!event.is(type)) {
      throw new AssertionError("Instead of " + type + " came " + event);
    }
    return event;
  }

  CmEvent expect(EventType type) throws IOException {
    return expect(verbs, events, type);
  }

  MemoryRegion register(long bytes) throws IOException {
    return register(Arena.ofAuto().allocate(bytes, 4096));
  }

  MemoryRegion register(MemorySegment memory) throws IOException {
    return verbs.register(
        domain, memory, MemoryRegion.IBV_ACCESS_LOCAL_WRITE | MemoryRegion.IBV_ACCESS_REMOTE_WRITE);
  }

  static List<IbvSge> entry(MemoryRegion region, long offset, int length) {
    return entry(region.address() + offset, length, region.lkey());
  }

  static List<IbvSge> entry(long address, int length, int lkey) {
    IbvSge sge = new IbvSge();
    sge.setAddr(address);
    sge.setLength(length);
    sge.setLkey(lkey);
    return List.of(sge);
  }

  static IbvSendWR send(long id, List<IbvSge> entries) {
    IbvSendWR request = new IbvSendWR();
    request.setWr_id(id);
    request.setOpcode(IbvSendWR.IBV_WR_SEND);
    request.setSend_flags(IbvSendWR.IBV_SEND_SIGNALED);
    request.setSg_list(linked(entries));
    return request;
  }

  static IbvSendWR write(long id, List<IbvSge> entries, long to, int rkey) {
    IbvSendWR request = send(id, entries);
    request.setOpcode(IbvSendWR.IBV_WR_RDMA_WRITE);
    request.getRdma().setRemote_addr(to);
    request.getRdma().setRkey(rkey);
    return request;
  }

  @SuppressWarnings({"JdkObsolete", "NonApiType"}) // DiSNI takes nothing else
  private static LinkedList<IbvSge> linked(List<IbvSge> entries) {
    return new LinkedList<>(entries);
  }

  SVCPostSend prepare(IbvSendWR... requests) throws IOException {
    return queuePair.postSend(List.of(requests), List.of());
  }

  SVCPostRecv prepareReceive(long id, List<IbvSge> entries) throws IOException {
    IbvRecvWR request = new IbvRecvWR();
    request.setWr_id(id);
    request.setSg_list(linked(entries));
    return queuePair.postRecv(List.of(request), List.of());
  }

  /** The next completion. */
  IbvWC complete() throws IOException {
    IbvWC[] completions = {new IbvWC()};
    SVCPollCq poll = queue.poll(completions, 1);
    Deadline deadline = soon();
    while (poll.execute().getPolls() == 0) {
      if (deadline.hasPassed()) {
        throw new AssertionError("Nothing completed");
      }
      Thread.onSpinWait();
    }
    return completions[0];
  }

  /** The next completion, which must be of this request and a success. */
  IbvWC complete(long id) throws IOException {
    IbvWC completion = complete();
    if (completion.getStatus() != 0 || completion.getWr_id() != id) {
      throw new AssertionError(
          "Instead of "
              + id
              + " completed "
              + completion.getWr_id()
              + ": "
              + verbs.statusText(completion.getStatus()));
    }
    return completion;
  }

  /** All of it but the event channel. */
  @Override
  public void close() throws IOException {
    id.destroyQP();
    queue.destroyCQ();
    completions.destroyCompChannel();
    try {
      domain.deallocPd();
    } catch (IOException e) {
      throw e;
    } catch (Exception e) {
      throw new AssertionError(e);
    }
    id.destroyId();
  }
}
