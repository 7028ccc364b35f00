package dev.godwit.transport.rdma.verbs;

import com.ibm.disni.verbs.RdmaCm;
import com.ibm.disni.verbs.RdmaProvider;
import com.ibm.disni.verbs.RdmaVerbs;
import dev.godwit.transport.ChannelException;
import java.lang.reflect.Field;

/** DiSNI's provider: the loaded libraries, and all state that is not of one object. */
final class Backend extends RdmaProvider {
  /** The version of DiSNI's native interface that this one stands for. */
  private static final int VERSION = 32;

  private final Libraries libraries;
  private final Contexts contexts;
  private final HeldArenas arenas = new HeldArenas();
  private final CmCalls cm;
  private final VerbsCalls verbs;

  private Backend(Libraries libraries) {
    this.libraries = libraries;
    contexts = new Contexts(libraries);
    cm = new CmCalls(this);
    verbs = new VerbsCalls(this);
  }

  /** The one that is installed; installs it if there is none. */
  @SuppressWarnings("LockOnNonEnclosingClassLiteral") // the lock under which DiSNI sets it too
  static Backend installed() throws ChannelException.Unsupported {
    synchronized (RdmaProvider.class) {
      try {
        // DiSNI has no other way in: the constructors of its classes ask this field, and load a
        // library of DiSNI's own if it is empty.
        Field field = RdmaProvider.class.getDeclaredField("provider");
        field.setAccessible(true);
        Object present = field.get(null);
        if (present instanceof Backend ours) {
          return ours;
        }
        if (present != null) {
          throw new ChannelException.Unsupported(
              "DiSNI works with its own provider already, so this process cannot use rdma:");
        }
        Backend backend = new Backend(Libraries.load());
        field.set(null, backend);
        return backend;
      } catch (ReflectiveOperationException | RuntimeException e) {
        throw new ChannelException.Unsupported(
            "This version of DiSNI takes no other provider: " + e.getMessage());
      }
    }
  }

  Libraries libraries() {
    return libraries;
  }

  Contexts contexts() {
    return contexts;
  }

  HeldArenas arenas() {
    return arenas;
  }

  CmCalls cm() {
    return cm;
  }

  VerbsCalls verbs() {
    return verbs;
  }

  @Override
  public RdmaCm openCm() {
    return cm;
  }

  @Override
  public RdmaVerbs openVerbs() {
    return verbs;
  }

  @Override
  public int getVersion() {
    return VERSION;
  }
}
