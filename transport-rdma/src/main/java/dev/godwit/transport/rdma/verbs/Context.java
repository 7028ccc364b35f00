package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import com.ibm.disni.verbs.IbvContext;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * An opened device. librdmacm opens it and may close it once it was removed and no id is bound to
 * it any more, so it is used only while {@link Contexts} holds it.
 */
final class Context extends IbvContext {
  private final long pointer;
  private final int asyncFd;
  private final MemorySegment pollCq;
  private final MemorySegment reqNotifyCq;
  private final MemorySegment postSend;
  private final MemorySegment postRecv;
  private final AsyncSource asyncSource = new AsyncSource(this);

  /** Numbers of the live queue pairs by their pointers, to tell whom an event is about. */
  private final Map<Long, Integer> queuePairs = new ConcurrentHashMap<>();

  private Context(long pointer, MemorySegment struct) throws IOException {
    super(
        struct.get(JAVA_INT, Layouts.Context.CMD_FD),
        struct.get(JAVA_INT, Layouts.Context.COMP_VECTORS));
    this.pointer = pointer;
    asyncFd = struct.get(JAVA_INT, Layouts.Context.ASYNC_FD);
    pollCq = function(struct, Layouts.Context.POLL_CQ);
    reqNotifyCq = function(struct, Layouts.Context.REQ_NOTIFY_CQ);
    postSend = function(struct, Layouts.Context.POST_SEND);
    postRecv = function(struct, Layouts.Context.POST_RECV);
  }

  /** The context at {@code pointer}, which an id holds. */
  static Context at(long pointer) throws IOException {
    return new Context(
        pointer, MemorySegment.ofAddress(pointer).reinterpret(Layouts.Context.BYTES));
  }

  static Context of(IbvContext context) {
    if (context instanceof Context ours) {
      return ours;
    }
    throw new IllegalArgumentException("Not a device context of this provider: " + context);
  }

  /** To be used while it is held. */
  long pointer() {
    return pointer;
  }

  int asyncFd() {
    return asyncFd;
  }

  AsyncSource asyncSource() {
    return asyncSource;
  }

  MemorySegment pollCq() {
    return pollCq;
  }

  MemorySegment reqNotifyCq() {
    return reqNotifyCq;
  }

  MemorySegment postSend() {
    return postSend;
  }

  MemorySegment postRecv() {
    return postRecv;
  }

  void register(long queuePair, int number) {
    queuePairs.put(queuePair, number);
  }

  void unregister(long queuePair) {
    queuePairs.remove(queuePair);
  }

  /** The number of a live queue pair, or 0. */
  int numberOf(long queuePair) {
    return queuePairs.getOrDefault(queuePair, 0);
  }

  private static MemorySegment function(MemorySegment struct, long offset) {
    return MemorySegment.ofAddress(struct.get(JAVA_LONG, offset));
  }
}
