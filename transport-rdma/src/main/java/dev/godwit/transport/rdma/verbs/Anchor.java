package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;

/**
 * An id that does nothing but be bound to a device. librdmacm closes a removed device together with
 * its last id, whatever is still built on it; this id is the last.
 */
final class Anchor {
  private final Libraries libraries;
  private final long channel;
  private final long id;

  private Anchor(Libraries libraries, long channel, long id) {
    this.libraries = libraries;
    this.channel = channel;
    this.id = id;
  }

  /**
   * Binds to the device that has the address {@code local}.
   *
   * @param context the device's context, to see that it is this one
   */
  static Anchor open(Libraries libraries, InetSocketAddress local, long context)
      throws IOException {
    long channel = libraries.createEventChannel.pointer("Cannot open an event channel");
    long id = 0;
    boolean done = false;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      libraries.createId.number(
          "Cannot make an id", channel, out.address(), 0, CmCalls.PORT_SPACE_TCP);
      id = out.get(JAVA_LONG, 0);
      MemorySegment any =
          SocketAddresses.encode(arena, new InetSocketAddress(local.getAddress(), 0));
      libraries.bindAddr.number("Cannot hold the device of " + local, id, any.address());
      MemorySegment struct = MemorySegment.ofAddress(id).reinterpret(Layouts.CmId.BYTES);
      if (struct.get(JAVA_LONG, Layouts.CmId.VERBS) != context) {
        throw Libc.failure(
            "The address " + local + " moved to another device",
            libraries.bindAddr.name(),
            Libc.ENODEV);
      }
      done = true;
      return new Anchor(libraries, channel, id);
    } finally {
      if (!done) {
        close(libraries, channel, id);
      }
    }
  }

  void close() {
    close(libraries, channel, id);
  }

  private static void close(Libraries libraries, long channel, long id) {
    if (id == 0 || libraries.destroyId.negated(id) >= 0) {
      libraries.destroyEventChannel.plain(channel);
    }
  }
}
