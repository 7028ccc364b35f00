package dev.godwit.transport.rdma.verbs;

import com.ibm.disni.verbs.IbvContext;
import com.ibm.disni.verbs.IbvPd;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.RdmaEventChannel;
import dev.godwit.transport.Availability;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The way to DiSNI's verbs, and what DiSNI's API cannot say. After {@link #install} the classes of
 * {@code com.ibm.disni.verbs} work.
 *
 * <p>The rules of all of it. Nothing above can crash the process: what is destroyed answers {@link
 * ClosedHandleException}, destroying twice does nothing, destroying waits for calls that are
 * inside, and what others still use refuses to be destroyed with error number 16 (busy). So destroy
 * in this order: regions, queue pair, completion queue, completion channel, protection domain, id,
 * event channel. A call that fails throws {@link ChannelException.Native} with the C function's
 * name and error number. Events of the connection manager and of completion channels are
 * acknowledged as they are taken. Prepared calls ({@code SVCPostSend} and the like) are for one
 * thread at a time, are patched through {@code getWrMod}, and may be executed as often as wanted;
 * post, poll and arming allocate nothing.
 */
public final class Verbs {
  private final Backend backend;

  private Verbs(Backend backend) {
    this.backend = backend;
  }

  /**
   * Loads the libraries and makes them what DiSNI works with; idempotent.
   *
   * @throws ChannelException.Unsupported if a library is missing or DiSNI already has another
   *     provider
   */
  public static Verbs install() throws ChannelException {
    return new Verbs(Backend.installed());
  }

  /** Whether this host has libraries, kernel support, a device and an active port. */
  public static Availability availability() {
    return new Host(Path.of("/")).availability();
  }

  /**
   * How many bytes of memory this process may register in all: its limit of locked memory, {@link
   * Long#MAX_VALUE} if it has none or need not keep it.
   */
  public static long lockableBytes() {
    return new Host(Path.of("/")).lockableBytes();
  }

  /** All devices that can be opened. */
  public List<Device> devices() throws IOException {
    return new Devices(backend.libraries()).all();
  }

  /** The device that an id is bound to. */
  public Device device(IbvContext context) throws IOException {
    Context ours = Context.of(context);
    backend.contexts().hold(ours);
    try {
      Devices devices = new Devices(backend.libraries());
      return devices.describe(devices.name(ours.pointer()), ours.pointer());
    } finally {
      backend.contexts().release(ours);
    }
  }

  /** The name of the device that an id is bound to. */
  public String deviceName(IbvContext context) throws IOException {
    Context ours = Context.of(context);
    backend.contexts().hold(ours);
    try {
      return new Devices(backend.libraries()).name(ours.pointer());
    } finally {
      backend.contexts().release(ours);
    }
  }

  /** The number of the port that an id is bound to, 0 if it is bound to none yet. */
  public int port(RdmaCmId id) throws IOException {
    return backend.cm().port(id);
  }

  /** The next event of the connection manager, or empty once the deadline has passed. */
  public Optional<CmEvent> event(RdmaEventChannel channel, Deadline deadline) throws IOException {
    return backend.cm().event(channel, deadline);
  }

  /**
   * Refuses a connection that was asked for; the id is still to be destroyed.
   *
   * @param privateData what the peer gets to read, with status 28
   */
  public void reject(RdmaCmId id, byte[] privateData) throws IOException {
    backend.cm().reject(id, privateData);
  }

  /** Moves an id and its future events to another event channel, as for accepted connections. */
  public void migrate(RdmaCmId id, RdmaEventChannel to) throws IOException {
    backend.cm().migrate(id, to);
  }

  /**
   * How long the device waits for an acknowledgement before it sends again: 4.096 microseconds
   * times 2 to the power of {@code exponent}, 0 to 31. Before connect or accept.
   */
  public void acknowledgementTimeout(RdmaCmId id, int exponent) throws IOException {
    backend.cm().acknowledgementTimeout(id, exponent);
  }

  /** Lets a listener bind an address that an ended connection still holds. Before bind. */
  public void reuseAddress(RdmaCmId id) throws IOException {
    backend.cm().reuseAddress(id);
  }

  /**
   * Registers memory of any length.
   *
   * @param memory native and not of a confined arena
   * @param access as {@code IbvMr.IBV_ACCESS_*}; remote writes need local ones
   * @throws ChannelException.Native with error number 12 if the limit of locked memory does not
   *     allow it
   */
  public MemoryRegion register(IbvPd domain, MemorySegment memory, int access) throws IOException {
    return MemoryRegion.register(backend, ProtectionDomain.of(domain), memory, access);
  }

  /** Opens the events of a device, from now on. */
  public AsyncEvents asyncEvents(IbvContext context) throws IOException {
    return AsyncEvents.open(backend, Context.of(context));
  }

  /** What the status of a completion means, in the library's words. */
  public String statusText(int status) {
    return Libc.string(backend.libraries().statusText.plain(status));
  }
}
