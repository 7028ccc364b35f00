package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.godwit.transport.ChannelException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;

/** Asks devices what they are. */
final class Devices {
  private static final int GID_BYTES = 16;
  private static final int MOST_GIDS = 64;
  private static final int SMALLEST_MTU = 128;
  private static final int LARGEST_MTU_CODE = 5;

  private final Libraries libraries;

  Devices(Libraries libraries) {
    this.libraries = libraries;
  }

  /** What is asked of a device in the list. */
  private interface Question<T> {
    T of(long device) throws IOException;
  }

  /** The names of all devices, those that cannot be opened as well. */
  List<String> names() throws IOException {
    return each(this::nameOf);
  }

  /** All devices that can be opened. */
  List<Device> all() throws IOException {
    List<Device> opened = new ArrayList<>();
    each(device -> open(device, opened));
    return opened;
  }

  private boolean open(long device, List<Device> opened) throws IOException {
    long context = libraries.openDevice.plain(device);
    if (context == 0) {
      return false;
    }
    try {
      return opened.add(describe(nameOf(device), context));
    } finally {
      libraries.closeDevice.plain(context);
    }
  }

  private <T> List<T> each(Question<T> question) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(JAVA_LONG);
      long list = libraries.getDeviceList.pointer("Cannot list the devices", count.address());
      try {
        int size = count.get(JAVA_INT, 0);
        MemorySegment pointers =
            MemorySegment.ofAddress(list).reinterpret(Math.max(size, 0) * (long) Long.BYTES);
        List<T> answers = new ArrayList<>();
        for (int i = 0; i < size; i++) {
          answers.add(question.of(pointers.getAtIndex(JAVA_LONG, i)));
        }
        return answers;
      } finally {
        libraries.freeDeviceList.plain(list);
      }
    }
  }

  /** The name of a device that {@code context} has open. */
  String name(long context) {
    MemorySegment struct = MemorySegment.ofAddress(context).reinterpret(Layouts.Context.BYTES);
    return nameOf(struct.get(JAVA_LONG, Layouts.Context.DEVICE));
  }

  private String nameOf(long device) {
    return Libc.string(libraries.getDeviceName.plain(device));
  }

  Device describe(String name, long context) throws ChannelException.Native {
    try (Arena arena = Arena.ofConfined()) {
      // With room for what newer libraries may append.
      MemorySegment device = arena.allocate(2 * Layouts.DeviceAttr.BYTES, Long.BYTES);
      libraries.queryDevice.status("Cannot query " + name, context, device.address());
      int ports = Byte.toUnsignedInt(device.get(JAVA_BYTE, Layouts.DeviceAttr.PORTS));
      List<Port> described = new ArrayList<>();
      for (int port = 1; port <= ports; port++) {
        described.add(port(name, context, port));
      }
      return new Device(
          name,
          device.get(JAVA_INT, Layouts.DeviceAttr.MAX_QP_WR),
          device.get(JAVA_INT, Layouts.DeviceAttr.MAX_SGE),
          device.get(JAVA_INT, Layouts.DeviceAttr.MAX_CQE),
          device.get(JAVA_LONG, Layouts.DeviceAttr.MAX_MR_SIZE),
          device.get(JAVA_INT, Layouts.DeviceAttr.MAX_MR),
          device.get(JAVA_INT, Layouts.DeviceAttr.MAX_QP),
          described);
    }
  }

  private Port port(String name, long context, int number) throws ChannelException.Native {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment port = arena.allocate(Layouts.PortAttr.BYTES, Long.BYTES);
      libraries.queryPort.status(
          "Cannot query port " + number + " of " + name, context, number, port.address());
      int gids = Math.min(port.get(JAVA_INT, Layouts.PortAttr.GIDS), MOST_GIDS);
      return new Port(
          number,
          port.get(JAVA_INT, Layouts.PortAttr.STATE),
          mtu(port.get(JAVA_INT, Layouts.PortAttr.ACTIVE_MTU)),
          Integer.toUnsignedLong(port.get(JAVA_INT, Layouts.PortAttr.MAX_MESSAGE)),
          linkLayer(port.get(JAVA_BYTE, Layouts.PortAttr.LINK_LAYER)),
          gids(context, number, gids));
    }
  }

  private List<InetAddress> gids(long context, int port, int count) {
    List<InetAddress> gids = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment gid = arena.allocate(GID_BYTES, Long.BYTES);
      for (int i = 0; i < count; i++) {
        gid.fill((byte) 0);
        // An entry that is not set is an error with some devices and zeros with others.
        if (libraries.queryGid.negated(context, port, i, gid.address()) == 0) {
          addUnlessZero(gids, gid.toArray(JAVA_BYTE));
        }
      }
    }
    return gids;
  }

  private static void addUnlessZero(List<InetAddress> gids, byte[] gid) {
    MemorySegment halves = MemorySegment.ofArray(gid);
    ValueLayout.OfLong half = ValueLayout.JAVA_LONG_UNALIGNED;
    if (halves.get(half, 0) == 0 && halves.get(half, Long.BYTES) == 0) {
      return;
    }
    try {
      gids.add(InetAddress.getByAddress(gid));
    } catch (java.net.UnknownHostException e) {
      throw new IllegalStateException("A GID has a wrong length", e);
    }
  }

  private static int mtu(int code) {
    return code >= 1 && code <= LARGEST_MTU_CODE ? SMALLEST_MTU << code : 0;
  }

  private static Port.LinkLayer linkLayer(byte code) {
    return switch (code) {
      case 1 -> Port.LinkLayer.INFINIBAND;
      case 2 -> Port.LinkLayer.ETHERNET;
      default -> Port.LinkLayer.UNKNOWN;
    };
  }
}
