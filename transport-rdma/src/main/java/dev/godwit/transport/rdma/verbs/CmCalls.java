package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import com.ibm.disni.verbs.IbvPd;
import com.ibm.disni.verbs.IbvQP;
import com.ibm.disni.verbs.IbvQPInitAttr;
import com.ibm.disni.verbs.RdmaCm;
import com.ibm.disni.verbs.RdmaCmEvent;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaConnParam;
import com.ibm.disni.verbs.RdmaEventChannel;
import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** DiSNI's connection manager. Each call on an id runs under its channel's lock. */
final class CmCalls extends RdmaCm {
  static final short PORT_SPACE_TCP = 0x0106;

  private static final int OPTION_LEVEL_ID = 0;
  private static final int OPTION_REUSE_ADDRESS = 1;
  private static final int OPTION_ACK_TIMEOUT = 3;

  private final Backend backend;
  private final Libraries libraries;

  CmCalls(Backend backend) {
    this.backend = backend;
    this.libraries = backend.libraries();
  }

  // Event channels.

  @Override
  public RdmaEventChannel createEventChannel() throws IOException {
    long pointer = libraries.createEventChannel.pointer("Cannot open an event channel");
    boolean done = false;
    try {
      int fd = MemorySegment.ofAddress(pointer).reinterpret(Integer.BYTES).get(JAVA_INT, 0);
      Libc.unblock(fd);
      EventChannel channel = new EventChannel(pointer, fd);
      done = true;
      return channel;
    } finally {
      if (!done) {
        libraries.destroyEventChannel.plain(pointer);
      }
    }
  }

  @Override
  public int destroyEventChannel(RdmaEventChannel channel) throws IOException {
    EventChannel ours = EventChannel.of(channel);
    if (ours.handle()
        .destroy(libraries.destroyEventChannel.name(), libraries.destroyEventChannel::plain)) {
      ours.close();
    }
    return 0;
  }

  // Ids.

  @Override
  public RdmaCmId createId(RdmaEventChannel channel, short portSpace) throws IOException {
    if (portSpace != PORT_SPACE_TCP) {
      throw new IllegalArgumentException("Only connected queue pairs are served: RDMA_PS_TCP");
    }
    EventChannel ours = EventChannel.of(channel);
    long channelPointer = ours.handle().enter();
    ours.lock().lock();
    long pointer = 0;
    boolean done = false;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      libraries.createId.number("Cannot make an id", channelPointer, out.address(), 0, portSpace);
      pointer = out.get(JAVA_LONG, 0);
      CmId id = new CmId(backend, ours, pointer);
      ours.add(id);
      done = true;
      return id;
    } finally {
      if (!done && pointer != 0) {
        libraries.destroyId.negated(pointer);
      }
      ours.lock().unlock();
      ours.handle().leave();
    }
  }

  @Override
  public int destroyCmId(RdmaCmId id) throws IOException {
    CmId ours = CmId.of(id);
    EventChannel channel = ours.lock();
    try {
      if (!ours.isAlive()) {
        return 0;
      }
      if (ours.queuePair() != null) {
        throw Libc.failure(
            "The id still has its queue pair", libraries.destroyId.name(), Libc.EBUSY);
      }
      ours.die();
      channel.remove(ours);
      return 0;
    } finally {
      channel.lock().unlock();
    }
  }

  @Override
  public int destroyEp(RdmaCmId id) throws IOException {
    destroyQP(id);
    return destroyCmId(id);
  }

  void migrate(RdmaCmId id, RdmaEventChannel to) throws IOException {
    CmId ours = CmId.of(id);
    EventChannel target = EventChannel.of(to);
    long targetPointer = target.handle().enter();
    try {
      EventChannel source = lockBoth(ours, target);
      try {
        ours.requireAlive();
        if (source != target) {
          libraries.migrateId.number(
              "Cannot move an id to another event channel", ours.pointer(), targetPointer);
          source.remove(ours);
          target.add(ours);
          ours.move(target);
        }
      } finally {
        target.lock().unlock();
        source.lock().unlock();
      }
    } finally {
      target.handle().leave();
    }
  }

  /** Locks an id's channel and another one; whoever does so too, in whatever order, gets by. */
  private static EventChannel lockBoth(CmId id, EventChannel other) {
    while (true) {
      EventChannel own = id.lock();
      if (other.lock().tryLock()) {
        return own;
      }
      own.lock().unlock();
      Thread.onSpinWait();
    }
  }

  // Addresses.

  @Override
  public void bindAddr(RdmaCmId id, SocketAddress address) throws IOException {
    on(
        id,
        ours -> {
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment encoded = SocketAddresses.encode(arena, address);
            libraries.bindAddr.number(
                "Cannot bind to " + address, ours.pointer(), encoded.address());
          }
          noticeDevice(ours);
        });
  }

  @Override
  public void listen(RdmaCmId id, int backlog) throws IOException {
    on(id, ours -> libraries.listen.number("Cannot listen", ours.pointer(), backlog));
  }

  @Override
  public void resolveAddr(
      RdmaCmId id, @Nullable SocketAddress source, SocketAddress destination, int millis)
      throws IOException {
    on(
        id,
        ours -> {
          try (Arena arena = Arena.ofConfined()) {
            long from = source == null ? 0 : SocketAddresses.encode(arena, source).address();
            MemorySegment to = SocketAddresses.encode(arena, destination);
            libraries.resolveAddr.number(
                "Cannot resolve " + destination, ours.pointer(), from, to.address(), millis);
          }
        });
  }

  @Override
  public void resolveRoute(RdmaCmId id, int millis) throws IOException {
    on(
        id,
        ours -> {
          requireDevice(ours, libraries.resolveRoute);
          libraries.resolveRoute.number("Cannot resolve the route", ours.pointer(), millis);
        });
  }

  @Override
  @SuppressWarnings("NullAway") // DiSNI's own way of saying that there is none
  public SocketAddress getSrcAddr(RdmaCmId id) throws IOException {
    return address(id, Layouts.CmId.SRC_ADDR);
  }

  @Override
  @SuppressWarnings("NullAway") // DiSNI's own way of saying that there is none
  public SocketAddress getDstAddr(RdmaCmId id) throws IOException {
    return address(id, Layouts.CmId.DST_ADDR);
  }

  private @Nullable InetSocketAddress address(RdmaCmId id, long offset) throws IOException {
    CmId ours = CmId.of(id);
    EventChannel channel = ours.lock();
    try {
      ours.requireAlive();
      return SocketAddresses.decode(ours.struct().asSlice(offset, SocketAddresses.BYTES));
    } finally {
      channel.lock().unlock();
    }
  }

  int port(RdmaCmId id) throws IOException {
    CmId ours = CmId.of(id);
    EventChannel channel = ours.lock();
    try {
      ours.requireAlive();
      return Byte.toUnsignedInt(ours.struct().get(JAVA_BYTE, Layouts.CmId.PORT_NUMBER));
    } finally {
      channel.lock().unlock();
    }
  }

  // Options.

  void acknowledgementTimeout(RdmaCmId id, int exponent) throws IOException {
    if (exponent < 0 || exponent > 31) {
      throw new IllegalArgumentException("An exponent from 0 to 31 is needed, not " + exponent);
    }
    on(
        id,
        ours -> {
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocateFrom(JAVA_BYTE, (byte) exponent);
            option(ours, OPTION_ACK_TIMEOUT, value);
          }
        });
  }

  void reuseAddress(RdmaCmId id) throws IOException {
    on(
        id,
        ours -> {
          try (Arena arena = Arena.ofConfined()) {
            option(ours, OPTION_REUSE_ADDRESS, arena.allocateFrom(JAVA_INT, 1));
          }
        });
  }

  private void option(CmId id, int option, MemorySegment value) throws IOException {
    libraries.setOption.number(
        "Cannot set an option of an id",
        id.pointer(),
        OPTION_LEVEL_ID,
        option,
        value.address(),
        value.byteSize());
  }

  // Connections. librdmacm looks into the device of an id without asking whether it has one.

  @Override
  public void connect(RdmaCmId id, RdmaConnParam parameters) throws IOException {
    on(
        id,
        ours -> {
          requireDevice(ours, libraries.connect);
          try (Arena arena = Arena.ofConfined()) {
            long encoded = encode(arena, parameters).address();
            libraries.connect.number("Cannot connect", ours.pointer(), encoded);
          }
        });
  }

  @Override
  public void accept(RdmaCmId id, RdmaConnParam parameters) throws IOException {
    on(
        id,
        ours -> {
          requireDevice(ours, libraries.accept);
          try (Arena arena = Arena.ofConfined()) {
            long encoded = encode(arena, parameters).address();
            libraries.accept.number("Cannot accept a connection", ours.pointer(), encoded);
          }
        });
  }

  void reject(RdmaCmId id, byte[] privateData) throws IOException {
    if (privateData.length > ConnectionParameters.REJECT_BYTES) {
      throw new IllegalArgumentException(
          "A refusal carries at most "
              + ConnectionParameters.REJECT_BYTES
              + " bytes, not "
              + privateData.length);
    }
    on(
        id,
        ours -> {
          requireDevice(ours, libraries.reject);
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocateFrom(JAVA_BYTE, privateData);
            libraries.reject.number(
                "Cannot refuse a connection", ours.pointer(), data.address(), privateData.length);
          }
        });
  }

  @Override
  public int disconnect(RdmaCmId id) throws IOException {
    on(
        id,
        ours -> {
          requireDevice(ours, libraries.disconnect);
          libraries.disconnect.number("Cannot disconnect", ours.pointer());
        });
    return 0;
  }

  private static MemorySegment encode(Arena arena, RdmaConnParam parameters) {
    byte[] data;
    if (parameters instanceof ConnectionParameters ours) {
      data = ours.privateData();
    } else if (parameters.getPrivate_data() == 0) {
      data = new byte[0];
    } else {
      throw new IllegalArgumentException("Private data is given as ConnectionParameters only");
    }
    MemorySegment encoded = arena.allocate(Layouts.ConnParam.BYTES, Long.BYTES);
    if (data.length > 0) {
      long address = arena.allocateFrom(JAVA_BYTE, data).address();
      encoded.set(JAVA_LONG, Layouts.ConnParam.PRIVATE_DATA, address);
    }
    encoded.set(JAVA_BYTE, Layouts.ConnParam.PRIVATE_DATA_LEN, (byte) data.length);
    encoded.set(
        JAVA_BYTE, Layouts.ConnParam.RESPONDER_RESOURCES, parameters.getResponder_resources());
    encoded.set(JAVA_BYTE, Layouts.ConnParam.INITIATOR_DEPTH, parameters.getInitiator_depth());
    encoded.set(JAVA_BYTE, Layouts.ConnParam.FLOW_CONTROL, parameters.getFlow_control());
    encoded.set(JAVA_BYTE, Layouts.ConnParam.RETRY_COUNT, parameters.getRetry_count());
    encoded.set(JAVA_BYTE, Layouts.ConnParam.RNR_RETRY_COUNT, parameters.getRnr_retry_count());
    return encoded;
  }

  // Events.

  @Override
  @SuppressWarnings("NullAway") // DiSNI's own way of saying that there is none
  public RdmaCmEvent getCmEvent(RdmaEventChannel channel, int millis) throws IOException {
    Deadline deadline = millis < 0 ? Deadline.never() : Deadline.after(Duration.ofMillis(millis));
    return event(channel, deadline).orElse(null);
  }

  Optional<CmEvent> event(RdmaEventChannel channel, Deadline deadline) throws IOException {
    EventChannel ours = EventChannel.of(channel);
    while (true) {
      ours.handle().enter();
      try {
        CmEvent event = CmEvents.take(backend, ours);
        if (event != null) {
          return Optional.of(event);
        }
        if (deadline.hasPassed()) {
          return Optional.empty();
        }
        Slices.await(ours.pollable().fd(), deadline);
      } finally {
        ours.handle().leave();
      }
    }
  }

  /** Events are acknowledged as they are taken, so there is nothing to do. */
  @Override
  public int ackCmEvent(RdmaCmEvent event) {
    return 0;
  }

  // Queue pairs.

  @Override
  public IbvQP createQP(RdmaCmId id, IbvPd domain, IbvQPInitAttr attributes) throws IOException {
    CmId ours = CmId.of(id);
    EventChannel channel = ours.lock();
    try {
      ours.requireAlive();
      requireDevice(ours, libraries.createQp);
      if (ours.queuePair() != null) {
        throw Libc.failure(
            "The id has a queue pair already", libraries.createQp.name(), Libc.EBUSY);
      }
      QueuePair queuePair = QueuePair.create(backend, ours, domain, attributes);
      ours.setQueuePair(queuePair);
      return queuePair;
    } finally {
      channel.lock().unlock();
    }
  }

  @Override
  public int destroyQP(RdmaCmId id) throws IOException {
    CmId ours = CmId.of(id);
    EventChannel channel = ours.lock();
    try {
      QueuePair queuePair = ours.queuePair();
      if (queuePair != null) {
        queuePair.destroy(ours.pointer());
        ours.setQueuePair(null);
      }
      return 0;
    } finally {
      channel.lock().unlock();
    }
  }

  // What calls on an id have in common.

  private interface Call {
    void on(CmId id) throws IOException;
  }

  private static void on(RdmaCmId id, Call call) throws IOException {
    CmId ours = CmId.of(id);
    EventChannel channel = ours.lock();
    try {
      ours.requireAlive();
      call.on(ours);
    } finally {
      channel.lock().unlock();
    }
  }

  /** Holds the device that an id was bound to by the last call, if it was. */
  void noticeDevice(CmId id) throws IOException {
    long pointer = id.struct().get(JAVA_LONG, Layouts.CmId.VERBS);
    if (pointer == 0 || id.context() != null) {
      return;
    }
    InetSocketAddress local =
        SocketAddresses.decode(id.struct().asSlice(Layouts.CmId.SRC_ADDR, SocketAddresses.BYTES));
    if (local != null) {
      id.bind(backend.contexts().holdForId(pointer, local));
    }
  }

  private static void requireDevice(CmId id, NativeFunction call) throws IOException {
    if (id.context() == null) {
      throw Libc.failure("The id is bound to no device", call.name(), Libc.ENODEV);
    }
  }
}
