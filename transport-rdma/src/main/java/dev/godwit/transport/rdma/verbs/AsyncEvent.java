package dev.godwit.transport.rdma.verbs;

/**
 * What a device tells unasked.
 *
 * @param type the verbs' number
 * @param port of an event of a port, from 1 on; 0 else
 * @param queuePair the number of the queue pair that it is about; 0 if it is about none, or about
 *     one that is destroyed
 */
public record AsyncEvent(int type, int port, int queuePair) {
  public static final int COMPLETION_QUEUE_ERROR = 0;
  public static final int QUEUE_PAIR_FATAL = 1;
  public static final int QUEUE_PAIR_REQUEST_ERROR = 2;
  public static final int QUEUE_PAIR_ACCESS_ERROR = 3;
  public static final int DEVICE_FATAL = 8;
  public static final int PORT_ACTIVE = 9;
  public static final int PORT_ERROR = 10;
  public static final int GID_CHANGE = 18;
}
