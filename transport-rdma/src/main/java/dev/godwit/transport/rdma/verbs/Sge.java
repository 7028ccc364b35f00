package dev.godwit.transport.rdma.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import com.ibm.disni.verbs.IbvSge;
import com.ibm.disni.verbs.SVCPostSend;
import dev.godwit.transport.ChannelException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Memory that a work request reads or writes. It is compared with the regions before each post: an
 * address that no live region of the domain covers never gets to C. That a region is deregistered
 * after the post is the device's to refuse, except where the post itself copies the bytes: there
 * the region is held.
 */
final class Sge implements SVCPostSend.SgeMod {
  private long address;
  private int length;
  private int lkey;

  /** The region found last, most often the right one again. */
  private @Nullable MemoryRegion region;

  private boolean held;

  Sge(IbvSge sge) {
    address = sge.getAddr();
    length = sge.getLength();
    lkey = sge.getLkey();
  }

  /** Checks it and writes it for C; to be followed by {@link #release}, whatever happens. */
  void write(MemorySegment to, long at, ProtectionDomain domain, boolean hold, String call)
      throws IOException {
    if (length != 0) {
      find(domain, hold, call);
    }
    to.set(JAVA_LONG, at + Layouts.Sge.ADDR, address);
    to.set(JAVA_INT, at + Layouts.Sge.LENGTH, length);
    to.set(JAVA_INT, at + Layouts.Sge.LKEY, lkey);
  }

  private void find(ProtectionDomain domain, boolean hold, String call) throws IOException {
    MemoryRegion found = region;
    if (found == null || found.lkey() != lkey || !found.isRegistered()) {
      found = domain.regions().find(lkey);
      // Not to keep the memory of a region that is gone.
      region = found;
    }
    if (found == null || !found.covers(address, Integer.toUnsignedLong(length))) {
      throw outside(call);
    }
    if (hold) {
      if (!found.gate().tryEnter()) {
        throw outside(call);
      }
      held = true;
    }
  }

  private ChannelException.Native outside(String call) {
    return Libc.failure(
        "No live region of the queue pair's domain has key "
            + lkey
            + " and covers "
            + Integer.toUnsignedLong(length)
            + " bytes at 0x"
            + Long.toHexString(address),
        call,
        Libc.EINVAL);
  }

  void release() {
    MemoryRegion found = region;
    if (held && found != null) {
      held = false;
      found.gate().leave();
    }
  }

  @Override
  public void setAddr(long address) {
    this.address = address;
  }

  @Override
  public long getAddr() {
    return address;
  }

  @Override
  public void setLength(int length) {
    this.length = length;
  }

  @Override
  public int getLength() {
    return length;
  }

  @Override
  public void setLkey(int lkey) {
    this.lkey = lkey;
  }

  @Override
  public int getLkey() {
    return lkey;
  }
}
