package dev.godwit.transport.rdma;

import com.ibm.disni.verbs.IbvContext;
import com.ibm.disni.verbs.IbvMr;
import com.ibm.disni.verbs.IbvPd;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.verbs.MemoryRegion;
import dev.godwit.transport.rdma.verbs.Verbs;
import java.lang.foreign.MemorySegment;

/** A protection domain of a device. It goes with the last thing that was made in it. */
final class VerbsDomain implements Domain {
  private final Verbs verbs;
  private final IbvPd domain;
  private int things = 1;
  private boolean closed;

  private VerbsDomain(Verbs verbs, IbvPd domain) {
    this.verbs = verbs;
    this.domain = domain;
  }

  static VerbsDomain open(Verbs verbs, IbvContext context) throws ChannelException {
    return new VerbsDomain(verbs, Errors.checked(context::allocPd));
  }

  IbvPd handle() {
    return domain;
  }

  @Override
  public Registration register(MemorySegment memory, Rights rights) throws ChannelException {
    return new VerbsRegistration(registerRegion(memory, rights));
  }

  /** As {@link #register}, for this side's own work requests. */
  MemoryRegion registerRegion(MemorySegment memory, Rights rights) throws ChannelException {
    int access =
        switch (rights) {
          case READ -> 0;
          case RECEIVE -> IbvMr.IBV_ACCESS_LOCAL_WRITE;
          case REMOTE_WRITE -> IbvMr.IBV_ACCESS_LOCAL_WRITE | IbvMr.IBV_ACCESS_REMOTE_WRITE;
        };
    enter();
    boolean done = false;
    try {
      MemoryRegion region = Errors.checked(() -> verbs.register(domain, memory, access));
      done = true;
      return region;
    } catch (ChannelException.Native e) {
      if (e.errno() == Errors.ENOMEM) {
        throw MemoryLimit.exceeded(memory.byteSize(), Verbs.lockableBytes());
      }
      throw e;
    } finally {
      if (!done) {
        leave();
      }
    }
  }

  private synchronized void enter() throws ChannelException {
    if (closed) {
      throw new ChannelException.Lost("No connection is left to register memory for");
    }
    things++;
  }

  private void leave() throws ChannelException {
    synchronized (this) {
      if (--things > 0) {
        return;
      }
    }
    Errors.checked(this::release);
  }

  private int release() throws java.io.IOException {
    try {
      return domain.deallocPd();
    } catch (java.io.IOException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException("The protection domain could not be released", e);
    }
  }

  /** Deregisters what {@link #registerRegion} registered. */
  void deregister(MemoryRegion region) throws ChannelException {
    Errors.checked(
        () -> {
          region.deregister();
          return 0;
        });
    leave();
  }

  @Override
  public void close() throws ChannelException {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    leave();
  }

  private final class VerbsRegistration implements Registration {
    private final MemoryRegion region;
    private boolean gone;

    VerbsRegistration(MemoryRegion region) {
      this.region = region;
    }

    @Override
    public long address() {
      return region.address();
    }

    @Override
    public int localKey() {
      return region.lkey();
    }

    @Override
    public int remoteKey() {
      return region.rkey();
    }

    @Override
    public void close() throws ChannelException {
      synchronized (this) {
        if (gone) {
          return;
        }
        gone = true;
      }
      deregister(region);
    }
  }
}
