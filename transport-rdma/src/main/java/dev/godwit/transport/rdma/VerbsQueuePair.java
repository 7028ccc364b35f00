package dev.godwit.transport.rdma;

import com.ibm.disni.verbs.IbvCQ;
import com.ibm.disni.verbs.IbvCompChannel;
import com.ibm.disni.verbs.IbvContext;
import com.ibm.disni.verbs.IbvQP;
import com.ibm.disni.verbs.IbvQPInitAttr;
import com.ibm.disni.verbs.IbvRecvWR;
import com.ibm.disni.verbs.IbvSendWR;
import com.ibm.disni.verbs.IbvSge;
import com.ibm.disni.verbs.IbvWC;
import com.ibm.disni.verbs.RdmaCmEvent.EventType;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaEventChannel;
import com.ibm.disni.verbs.SVCPollCq;
import com.ibm.disni.verbs.SVCPostRecv;
import com.ibm.disni.verbs.SVCPostSend;
import com.ibm.disni.verbs.SVCReqNotify;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.verbs.AsyncEvent;
import dev.godwit.transport.rdma.verbs.AsyncEvents;
import dev.godwit.transport.rdma.verbs.CmEvent;
import dev.godwit.transport.rdma.verbs.MemoryRegion;
import dev.godwit.transport.rdma.verbs.Verbs;
import dev.godwit.transport.rdma.verbs.Wait;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A queue pair of the verbs with all that belongs to it alone: id, event channel, completion queue
 * and channel, the registration of its rings. Work requests are prepared once and patched.
 */
final class VerbsQueuePair implements QueuePair {
  /** The longest write: long enough to cost nothing, short enough to be acknowledged soon. */
  private static final int MAX_WRITE_BYTES = 8 << 20;

  /** How often the connection manager is asked while completions never run out. */
  private static final long LOOK_NANOS = Duration.ofMillis(20).toNanos();

  private final Verbs verbs;
  private final RdmaCmId id;
  private final VerbsDomain domain;
  private final MemoryRegion ring;
  private final IbvCompChannel completionChannel;
  private final IbvCQ queue;
  private final IbvQP queuePair;
  private final Wait wait;
  private final AsyncEvents asyncEvents;
  private final int maxWriteBytes;

  private final SVCPostSend send;
  private final SVCPostSend.SendWRMod sendRequest;
  private final SVCPostSend.SgeMod sendEntry;
  private final SVCPostSend write;
  private final SVCPostSend.SendWRMod writeRequest;
  private final SVCPostSend.SgeMod writeEntry;
  private final SVCPostSend probe;
  private final SVCPostSend.SendWRMod probeRequest;
  private final SVCPostRecv[] receives;
  private final IbvWC[] found = new IbvWC[Completions.CAPACITY];
  private final SVCPollCq poll;
  private final SVCReqNotify notify;

  private @Nullable RdmaEventChannel events;
  private int eventsIndex;
  private final int completionsIndex;
  private final int asyncIndex;
  private boolean armed;
  private boolean slept;
  private long lookedAt;
  private volatile boolean disconnected;
  private boolean closed;

  private VerbsQueuePair(
      Verbs verbs, RdmaCmId id, VerbsDomain domain, Rings rings, int writes, Undo undo)
      throws IOException {
    this.verbs = verbs;
    this.id = id;
    this.domain = domain;
    IbvContext context = id.getVerbs();
    ring = domain.registerRegion(rings.memory(), Domain.Rights.RECEIVE);
    undo.add(() -> domain.deregister(ring));
    int sends = rings.sendSlots() + rings.controlSlots() + writes + 1;
    completionChannel = context.createCompChannel();
    undo.add(completionChannel::destroyCompChannel);
    queue = context.createCQ(completionChannel, sends + rings.receiveSlots(), 0);
    undo.add(queue::destroyCQ);
    queuePair = id.createQP(domain.handle(), attributes(sends, rings.receiveSlots()));
    undo.add(id::destroyQP);
    asyncEvents = verbs.asyncEvents(context);
    undo.add(asyncEvents::close);
    wait = Wait.open();
    undo.add(wait::close);
    completionsIndex = wait.add(completionChannel);
    asyncIndex = wait.add(asyncEvents);
    maxWriteBytes = (int) Math.min(MAX_WRITE_BYTES, maxMessage());

    send = prepare(IbvSendWR.IBV_WR_SEND, entry(ring.address(), 0, ring.lkey()));
    sendRequest = send.getWrMod(0);
    sendEntry = sendRequest.getSgeMod(0);
    write = prepare(IbvSendWR.IBV_WR_RDMA_WRITE, entry(ring.address(), 0, ring.lkey()));
    writeRequest = write.getWrMod(0);
    writeEntry = writeRequest.getSgeMod(0);
    probe = prepare(IbvSendWR.IBV_WR_RDMA_WRITE);
    probeRequest = probe.getWrMod(0);
    receives = new SVCPostRecv[rings.receiveSlots()];
    for (int slot = 0; slot < receives.length; slot++) {
      IbvRecvWR request = new IbvRecvWR();
      request.setWr_id(Work.of(Work.RECEIVE, slot));
      request.setSg_list(
          list(entry(ring.address() + rings.receiveOffset(slot), rings.slotBytes(), ring.lkey())));
      receives[slot] = queuePair.postRecv(List.of(request), List.of());
    }
    for (int i = 0; i < found.length; i++) {
      found[i] = new IbvWC();
    }
    poll = queue.poll(found, found.length);
    notify = queue.reqNotification(false);
    for (int slot = 0; slot < receives.length; slot++) {
      receives[slot].execute();
    }
  }

  /** Things to destroy in the opposite order if a constructor does not come to its end. */
  private static final class Undo {
    private interface Step {
      void run() throws IOException;
    }

    private final List<Step> steps = new ArrayList<>();

    void add(Step step) {
      steps.addFirst(step);
    }

    void run(Throwable cause) {
      for (Step step : steps) {
        try {
          step.run();
        } catch (IOException e) {
          cause.addSuppressed(e);
        }
      }
    }
  }

  /**
   * Makes a queue pair for an id that is bound to a device, with all receives posted. The id is its
   * own from now on, unless this fails; the domain and the rings stay the caller's.
   */
  static VerbsQueuePair create(
      Verbs verbs, RdmaCmId id, VerbsDomain domain, Rings rings, int writes)
      throws ChannelException {
    Undo undo = new Undo();
    try {
      return Errors.checked(() -> new VerbsQueuePair(verbs, id, domain, rings, writes, undo));
    } catch (ChannelException | RuntimeException e) {
      undo.run(e);
      throw e;
    }
  }

  /** Takes over the event channel of the id, which tells how the connection ends. */
  void listenTo(RdmaEventChannel channel) throws ChannelException {
    events = channel;
    eventsIndex = Errors.checked(() -> wait.add(channel));
  }

  RdmaCmId id() {
    return id;
  }

  private static IbvQPInitAttr attributes(IbvQPInitAttr attributes, int sends, int receives) {
    attributes.setQp_type(IbvQP.IBV_QPT_RC);
    attributes.cap().setMax_send_wr(sends);
    attributes.cap().setMax_recv_wr(receives);
    attributes.cap().setMax_send_sge(1);
    attributes.cap().setMax_recv_sge(1);
    attributes.cap().setMax_inline_data(0);
    return attributes;
  }

  private IbvQPInitAttr attributes(int sends, int receives) {
    IbvQPInitAttr attributes = attributes(new IbvQPInitAttr(), sends, receives);
    attributes.setSend_cq(queue);
    attributes.setRecv_cq(queue);
    return attributes;
  }

  private long maxMessage() throws IOException {
    int number = verbs.port(id);
    return verbs.device(id.getVerbs()).ports().stream()
        .filter(port -> port.number() == number)
        .mapToLong(port -> port.maxMessageBytes())
        .filter(bytes -> bytes > 0)
        .findFirst()
        .orElse(MAX_WRITE_BYTES);
  }

  private SVCPostSend prepare(int opcode, IbvSge... entries) throws IOException {
    IbvSendWR request = new IbvSendWR();
    request.setOpcode(opcode);
    request.setSend_flags(IbvSendWR.IBV_SEND_SIGNALED);
    request.setSg_list(list(entries));
    return queuePair.postSend(List.of(request), List.of());
  }

  private static IbvSge entry(long address, int length, int key) {
    IbvSge entry = new IbvSge();
    entry.setAddr(address);
    entry.setLength(length);
    entry.setLkey(key);
    return entry;
  }

  @SuppressWarnings({"JdkObsolete", "NonApiType"}) // DiSNI wants it so.
  private static LinkedList<IbvSge> list(IbvSge... entries) {
    return new LinkedList<>(List.of(entries));
  }

  // The data path. No lambdas: nothing may be allocated here.

  @Override
  public void postReceive(int slot) throws ChannelException {
    try {
      receives[slot].execute();
    } catch (IOException e) {
      throw failed(e);
    }
  }

  @Override
  public void postSend(long work, long ringOffset, int length) throws ChannelException {
    try {
      sendRequest.setWr_id(work);
      sendEntry.setAddr(ring.address() + ringOffset);
      sendEntry.setLength(length);
      send.execute();
    } catch (IOException e) {
      throw failed(e);
    }
  }

  @Override
  public void postWrite(
      long work, long address, int localKey, int length, long remoteAddress, int remoteKey)
      throws ChannelException {
    try {
      if (length == 0) {
        probeRequest.setWr_id(work);
        probe.execute();
        return;
      }
      writeRequest.setWr_id(work);
      writeRequest.setSend_flags(
          Work.kind(work) == Work.QUIET_WRITE ? 0 : IbvSendWR.IBV_SEND_SIGNALED);
      writeEntry.setAddr(address);
      writeEntry.setLength(length);
      writeEntry.setLkey(localKey);
      writeRequest.getRdmaMod().setRemote_addr(remoteAddress);
      writeRequest.getRdmaMod().setRkey(remoteKey);
      write.execute();
    } catch (IOException e) {
      throw failed(e);
    }
  }

  @Override
  public int poll(Completions into) throws ChannelException {
    try {
      int count = poll.execute().getPolls();
      for (int i = 0; i < count; i++) {
        into.work[i] = found[i].getWr_id();
        into.status[i] = found[i].getStatus();
        into.bytes[i] = found[i].getByte_len();
      }
      return count;
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private static ChannelException failed(IOException e) {
    return e instanceof ChannelException known
        ? known
        : new ChannelException.Lost("The connection was closed meanwhile", e);
  }

  // Waiting.

  @Override
  public void arm() throws ChannelException {
    if (!armed) {
      try {
        notify.execute();
        armed = true;
      } catch (IOException e) {
        throw failed(e);
      }
    }
  }

  @Override
  public void sleep(long nanos) throws ChannelException {
    try {
      wait.awaitNanos(nanos);
      slept = true;
      if (wait.isReady(completionsIndex)) {
        while (completionChannel.getCqEvent(queue, 0)) {
          armed = false;
        }
        armed = false;
      }
    } catch (IOException e) {
      throw failed(e);
    }
  }

  @Override
  public void wake() {
    wait.ring();
  }

  @Override
  public Event nextEvent() throws ChannelException {
    RdmaEventChannel channel = events;
    if (channel == null) {
      return Event.NONE;
    }
    long now = System.nanoTime();
    boolean told = slept && (wait.isReady(eventsIndex) || wait.isReady(asyncIndex));
    if (!told && now - lookedAt < LOOK_NANOS) {
      return Event.NONE;
    }
    try {
      Optional<CmEvent> event = verbs.event(channel, Deadlines.PASSED);
      if (event.isPresent()) {
        return connectionEvent(event.get());
      }
      Optional<AsyncEvent> device = asyncEvents.next();
      if (device.isPresent()) {
        return deviceEvent(device.get());
      }
    } catch (IOException e) {
      throw failed(e);
    }
    slept = false;
    lookedAt = now;
    return Event.NONE;
  }

  private static Event connectionEvent(CmEvent event) {
    if (event.is(EventType.RDMA_CM_EVENT_DISCONNECTED)) {
      return Event.DISCONNECTED;
    }
    return event.is(EventType.RDMA_CM_EVENT_DEVICE_REMOVAL) ? Event.DEVICE_REMOVED : Event.OTHER;
  }

  private Event deviceEvent(AsyncEvent event) throws IOException {
    return switch (event.type()) {
      case AsyncEvent.DEVICE_FATAL -> Event.FATAL;
      case AsyncEvent.PORT_ERROR -> Event.PORT_DOWN;
      case AsyncEvent.COMPLETION_QUEUE_ERROR,
          AsyncEvent.QUEUE_PAIR_FATAL,
          AsyncEvent.QUEUE_PAIR_REQUEST_ERROR,
          AsyncEvent.QUEUE_PAIR_ACCESS_ERROR ->
          event.queuePair() == queuePair.getQp_num() ? Event.FATAL : Event.OTHER;
      default -> Event.OTHER;
    };
  }

  @Override
  public String statusText(int status) {
    return verbs.statusText(status);
  }

  @Override
  public int maxWriteBytes() {
    return maxWriteBytes;
  }

  // The end.

  @Override
  public void disconnect() {
    if (disconnected) {
      return;
    }
    disconnected = true;
    try {
      id.disconnect();
    } catch (IOException e) {
      // It was not connected, or the peer was first.
    }
  }

  @Override
  public void close() throws ChannelException {
    if (closed) {
      return;
    }
    closed = true;
    Undo all = new Undo();
    RdmaEventChannel channel = events;
    if (channel != null) {
      all.add(channel::destroyEventChannel);
    }
    all.add(id::destroyId);
    all.add(completionChannel::destroyCompChannel);
    all.add(queue::destroyCQ);
    all.add(() -> domain.deregister(ring));
    all.add(id::destroyQP);
    all.add(asyncEvents::close);
    all.add(wait::close);
    ChannelException failed = new ChannelException.Lost("The queue pair could not be destroyed");
    all.run(failed);
    if (failed.getSuppressed().length > 0) {
      throw failed;
    }
  }
}
