package dev.godwit.transport.rdma.verbs;

import com.ibm.disni.verbs.RdmaConnParam;

/**
 * How a connection is asked for or accepted; give it to {@code RdmaCmId.connect} or {@code accept}.
 * Immutable. An event carries those of the peer.
 */
public final class ConnectionParameters extends RdmaConnParam {
  /**
   * What {@code connect} can carry over InfiniBand and RoCE. The peer sees it padded with zeros.
   */
  public static final int REQUEST_BYTES = 56;

  /** What {@code accept} can carry over InfiniBand and RoCE. */
  public static final int REPLY_BYTES = 196;

  /** What {@link Verbs#reject} can carry over InfiniBand and RoCE. */
  public static final int REJECT_BYTES = 148;

  private static final int LARGEST = 255;

  private final byte[] privateData;

  ConnectionParameters(
      byte[] privateData, int responderResources, int initiatorDepth, int retries, int rnrRetries) {
    if (privateData.length > LARGEST) {
      throw new IllegalArgumentException(
          "Private data has at most " + LARGEST + " bytes, not " + privateData.length);
    }
    this.privateData = privateData;
    this.private_data_len = (byte) privateData.length;
    this.responder_resources = octet(responderResources, LARGEST);
    this.initiator_depth = octet(initiatorDepth, LARGEST);
    this.flow_control = 1;
    this.retry_count = octet(retries, 7);
    this.rnr_retry_count = octet(rnrRetries, 7);
  }

  /** With 7 retries, receiver-not-ready retried forever, and one RDMA read at a time. */
  public static ConnectionParameters of(byte[] privateData) {
    return new ConnectionParameters(privateData.clone(), 1, 1, 7, 7);
  }

  /**
   * @param retries of a packet that is not acknowledged, 0 to 7
   * @param rnrRetries of a send that finds no receive, 0 to 6; 7 for ever
   */
  public ConnectionParameters withRetries(int retries, int rnrRetries) {
    return new ConnectionParameters(
        privateData,
        Byte.toUnsignedInt(responder_resources),
        Byte.toUnsignedInt(initiator_depth),
        retries,
        rnrRetries);
  }

  /** How many RDMA reads and atomics are served, and asked for, at a time: 0 to 255 each. */
  public ConnectionParameters withDepths(int responderResources, int initiatorDepth) {
    return new ConnectionParameters(
        privateData, responderResources, initiatorDepth, retry_count, rnr_retry_count);
  }

  /** A copy. What a peer sent may be longer than what it meant: carry your own length. */
  public byte[] privateData() {
    return privateData.clone();
  }

  private static byte octet(int value, int most) {
    if (value < 0 || value > most) {
      throw new IllegalArgumentException("A value from 0 to " + most + " is needed, not " + value);
    }
    return (byte) value;
  }
}
