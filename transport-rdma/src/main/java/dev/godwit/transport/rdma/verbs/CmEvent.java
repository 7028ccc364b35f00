package dev.godwit.transport.rdma.verbs;

import com.ibm.disni.verbs.RdmaCmEvent;
import com.ibm.disni.verbs.RdmaCmId;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * What the connection manager tells. A copy: it was acknowledged before it got here, so it binds no
 * native memory and holds up no one.
 */
public final class CmEvent extends RdmaCmEvent {
  private final ConnectionParameters parameters;
  private final String name;

  CmEvent(
      int type,
      String name,
      int status,
      @Nullable RdmaCmId listener,
      @Nullable RdmaCmId id,
      ConnectionParameters parameters)
      throws IOException {
    super(type, listener, id);
    this.status = status;
    this.conn = parameters;
    this.parameters = parameters;
    this.name = name;
  }

  /** Whether it is of this type. */
  @SuppressWarnings("EnumOrdinal") // DiSNI lists them in C's order and gives no number
  public boolean is(EventType type) {
    return getEvent() == type.ordinal();
  }

  /** The private data that came with it, empty for most types; zeros may follow what was sent. */
  public byte[] privateData() {
    return parameters.privateData();
  }

  /** The peer's parameters, of a request or an acceptance. */
  public ConnectionParameters parameters() {
    return parameters;
  }

  /** For example {@code RDMA_CM_EVENT_REJECTED, status 28}. */
  @Override
  public String toString() {
    return name + ", status " + getStatus();
  }
}
