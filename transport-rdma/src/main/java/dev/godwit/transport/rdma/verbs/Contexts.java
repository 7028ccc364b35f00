package dev.godwit.transport.rdma.verbs;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The devices that are in use, each with those who use it: ids, and what is built on the device
 * itself (protection domains, queues, channels). While there is something of the latter kind, an
 * {@link Anchor} keeps librdmacm from closing a removed device under it.
 */
final class Contexts {
  private final Libraries libraries;
  private final Map<Long, Usage> usages = new HashMap<>();

  Contexts(Libraries libraries) {
    this.libraries = libraries;
  }

  private static final class Usage {
    final Context context;
    InetSocketAddress local;
    int ids;
    int objects;
    @Nullable Anchor anchor;

    Usage(Context context, InetSocketAddress local) {
      this.context = context;
      this.local = local;
    }
  }

  /**
   * Holds the device for an id that is bound to it.
   *
   * @param local the id's own address
   */
  synchronized Context holdForId(long pointer, InetSocketAddress local) throws IOException {
    Usage usage = usages.get(pointer);
    if (usage == null) {
      usage = new Usage(Context.at(pointer), local);
      usages.put(pointer, usage);
    }
    usage.local = local;
    usage.ids++;
    return usage.context;
  }

  /**
   * Releases the device together with the id, so that nobody holds it who comes in between.
   *
   * @param destroyer destroys the id; if it throws, the device stays held
   */
  synchronized void releaseForId(@Nullable Context context, Destroyer destroyer)
      throws IOException {
    destroyer.destroy();
    Usage usage = context == null ? null : usage(context);
    if (usage != null) {
      usage.ids--;
      forgetIfUnused(usage);
    }
  }

  /** Destroys an id. */
  interface Destroyer {
    void destroy() throws IOException;
  }

  /**
   * Holds the device for something that is built on it.
   *
   * @throws ClosedHandleException if no id is bound to it any more
   */
  synchronized void hold(Context context) throws IOException {
    Usage usage = usage(context);
    if (usage == null) {
      throw new ClosedHandleException("device context");
    }
    if (usage.anchor == null) {
      usage.anchor = Anchor.open(libraries, usage.local, context.pointer());
    }
    usage.objects++;
  }

  synchronized void release(Context context) {
    Usage usage = usage(context);
    if (usage == null) {
      return;
    }
    usage.objects--;
    if (usage.objects == 0 && usage.anchor != null) {
      usage.anchor.close();
      usage.anchor = null;
    }
    forgetIfUnused(usage);
  }

  private @Nullable Usage usage(Context context) {
    Usage usage = usages.get(context.pointer());
    return usage != null && usage.context == context ? usage : null;
  }

  private void forgetIfUnused(Usage usage) {
    if (usage.ids == 0 && usage.objects == 0) {
      usages.remove(usage.context.pointer());
      usage.context.close();
    }
  }
}
