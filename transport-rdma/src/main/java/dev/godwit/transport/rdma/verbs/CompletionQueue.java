package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import com.ibm.disni.verbs.IbvCQ;
import dev.godwit.transport.ChannelException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Where work requests are told to be done. */
final class CompletionQueue extends IbvCQ {
  private final Backend backend;
  private final Context device;
  private final @Nullable CompletionChannel completions;
  private final Handle gate;

  @SuppressWarnings("NullAway") // DiSNI takes no channel as null
  private CompletionQueue(
      Backend backend,
      Context device,
      @Nullable CompletionChannel completions,
      long pointer,
      MemorySegment struct)
      throws IOException {
    super(device, completions, struct.get(JAVA_INT, Layouts.Cq.HANDLE));
    this.backend = backend;
    this.device = device;
    this.completions = completions;
    this.context = device;
    this.channel = completions;
    this.cqe = struct.get(JAVA_INT, Layouts.Cq.CQE);
    this.handle = struct.get(JAVA_INT, Layouts.Cq.HANDLE);
    gate = new Handle("completion queue", pointer);
    isOpen = true;
  }

  static CompletionQueue create(
      Backend backend,
      Context device,
      @Nullable CompletionChannel completions,
      int entries,
      int vector)
      throws IOException {
    if (entries <= 0) {
      throw new IllegalArgumentException("A queue has at least one entry, not " + entries);
    }
    if (vector < 0 || vector >= Math.max(1, device.getNumCompVectors())) {
      throw new IllegalArgumentException("The device has no completion vector " + vector);
    }
    if (completions != null && completions.device() != device) {
      throw new IllegalArgumentException("The completion channel is of another device");
    }
    backend.contexts().hold(device);
    boolean done = false;
    try {
      long channel = completions == null ? 0 : completions.handle().enter();
      try {
        CompletionQueue queue = create(backend, device, completions, channel, entries, vector);
        if (completions != null) {
          completions.handle().adopt();
        }
        done = true;
        return queue;
      } finally {
        if (completions != null) {
          completions.handle().leave();
        }
      }
    } finally {
      if (!done) {
        backend.contexts().release(device);
      }
    }
  }

  private static CompletionQueue create(
      Backend backend,
      Context device,
      @Nullable CompletionChannel completions,
      long channel,
      int entries,
      int vector)
      throws IOException {
    Libraries libraries = backend.libraries();
    long pointer =
        libraries.createCq.pointer(
            "Cannot make a completion queue of " + entries,
            device.pointer(),
            entries,
            0,
            channel,
            vector);
    boolean done = false;
    try {
      MemorySegment struct = MemorySegment.ofAddress(pointer).reinterpret(Layouts.Cq.BYTES);
      if (struct.get(JAVA_LONG, Layouts.Cq.CONTEXT) != device.pointer()
          || struct.get(JAVA_LONG, Layouts.Cq.CHANNEL) != channel) {
        throw new ChannelException.Unsupported(
            "This host's " + Libraries.VERBS + " lays out completion queues in another way");
      }
      CompletionQueue queue = new CompletionQueue(backend, device, completions, pointer, struct);
      done = true;
      return queue;
    } finally {
      if (!done) {
        libraries.destroyCq.plain(pointer);
      }
    }
  }

  static CompletionQueue of(IbvCQ queue) {
    if (queue instanceof CompletionQueue ours) {
      return ours;
    }
    throw new IllegalArgumentException("Not a completion queue of this provider: " + queue);
  }

  Context device() {
    return device;
  }

  Handle gate() {
    return gate;
  }

  void destroy() throws IOException {
    NativeFunction destroyCq = backend.libraries().destroyCq;
    if (gate.destroy(destroyCq.name(), pointer -> destroy(destroyCq, pointer))) {
      if (completions != null) {
        completions.handle().release();
      }
      backend.contexts().release(device);
      close();
    }
  }

  private void destroy(NativeFunction destroyCq, long pointer) throws IOException {
    if (completions == null) {
      destroyCq.status("Cannot destroy a completion queue", pointer);
      return;
    }
    completions.lock().lock();
    try {
      destroyCq.status("Cannot destroy a completion queue", pointer);
    } finally {
      completions.lock().unlock();
    }
  }
}
