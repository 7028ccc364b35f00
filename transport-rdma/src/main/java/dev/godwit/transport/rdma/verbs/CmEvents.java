package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Takes an event out of its channel: copies what it says, finds or makes the id that it is about,
 * and acknowledges it, all under the channel's lock. An id therefore never has an event that is
 * taken but not acknowledged, for which destroying it would wait.
 */
final class CmEvents {
  /** A request for a connection, as C numbers it. */
  private static final int CONNECT_REQUEST = 4;

  private CmEvents() {}

  /** The next event, or null if there is none; the caller has entered the channel. */
  static @Nullable CmEvent take(Backend backend, EventChannel channel) throws IOException {
    Libraries libraries = backend.libraries();
    channel.lock().lock();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      int result = libraries.getCmEvent.negated(channel.handle().pointer(), out.address());
      if (result == -Libc.EAGAIN || result == -Libc.EINTR) {
        return null;
      }
      if (result < 0) {
        throw Libc.failure("Cannot take an event", libraries.getCmEvent.name(), -result);
      }
      long pointer = out.get(JAVA_LONG, 0);
      MemorySegment event = MemorySegment.ofAddress(pointer).reinterpret(Layouts.Event.BYTES);
      long fresh = 0;
      CmEvent copy = null;
      try {
        int type = event.get(JAVA_INT, Layouts.Event.TYPE);
        long idPointer = event.get(JAVA_LONG, Layouts.Event.ID);
        CmId id = channel.id(idPointer);
        if (id == null && type == CONNECT_REQUEST) {
          fresh = idPointer;
          id = new CmId(backend, channel, fresh);
          channel.add(id);
        }
        if (id != null) {
          backend.cm().noticeDevice(id);
        }
        copy =
            new CmEvent(
                type,
                Libc.string(libraries.eventText.plain(type)),
                event.get(JAVA_INT, Layouts.Event.STATUS),
                channel.id(event.get(JAVA_LONG, Layouts.Event.LISTEN_ID)),
                id,
                parameters(event));
        return copy;
      } finally {
        libraries.ackCmEvent.plain(pointer);
        if (copy == null && fresh != 0) {
          forget(libraries, channel, fresh);
        }
      }
    } finally {
      channel.lock().unlock();
    }
  }

  /** A request that could not be told of has no other owner. */
  private static void forget(Libraries libraries, EventChannel channel, long pointer)
      throws IOException {
    CmId id = channel.id(pointer);
    if (id == null) {
      libraries.destroyId.negated(pointer);
    } else {
      id.die();
      channel.remove(id);
    }
  }

  private static ConnectionParameters parameters(MemorySegment event) {
    long address = event.get(JAVA_LONG, Layouts.Event.PRIVATE_DATA);
    int length =
        address == 0 ? 0 : Byte.toUnsignedInt(event.get(JAVA_BYTE, Layouts.Event.PRIVATE_DATA_LEN));
    byte[] data = new byte[length];
    if (length > 0) {
      MemorySegment.copy(
          MemorySegment.ofAddress(address).reinterpret(length), JAVA_BYTE, 0, data, 0, length);
    }
    return new ConnectionParameters(
        data,
        octet(event, Layouts.Event.RESPONDER_RESOURCES),
        octet(event, Layouts.Event.INITIATOR_DEPTH),
        octet(event, Layouts.Event.RETRY_COUNT) & 7,
        octet(event, Layouts.Event.RNR_RETRY_COUNT) & 7);
  }

  private static int octet(MemorySegment event, long offset) {
    return Byte.toUnsignedInt(event.get(JAVA_BYTE, offset));
  }
}
