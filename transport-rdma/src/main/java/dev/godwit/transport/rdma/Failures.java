package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;

/** What a failed completion means to whoever uses the channel. */
final class Failures {
  private Failures() {}

  /**
   * @param name of the channel
   * @param work what failed
   * @param status the verbs' number, which stays in the message
   * @param text the library's words for it
   */
  static ChannelException of(String name, long work, int status, String text) {
    String code = " (" + text + ", status " + status + ")";
    return switch (status) {
      case Completions.RETRY_EXCEEDED ->
          new ChannelException.Lost("The peer of " + name + " does not answer" + code);
      case Completions.RECEIVER_NOT_READY ->
          new ChannelException.Lost("The peer of " + name + " takes nothing any more" + code);
      case Completions.FLUSHED, Completions.REMOTE_OPERATION_ERROR ->
          new ChannelException.Lost("The connection to " + name + " broke" + code);
      case Completions.REMOTE_ACCESS_ERROR ->
          new ChannelException.Violated(
              "The peer of " + name + " has closed the region that was put into" + code);
      case Completions.REMOTE_INVALID_REQUEST ->
          new ChannelException.Violated("The peer of " + name + " refused a frame" + code);
      case Completions.LOCAL_LENGTH_ERROR -> tooLong(name, work, code);
      // Soft-RoCE says so of a receive that is too short, and of a port without a route.
      case Completions.LOCAL_OPERATION_ERROR ->
          Work.kind(work) == Work.RECEIVE
              ? tooLong(name, work, code)
              : new ChannelException.Lost("The device can send nothing more to " + name + code);
      default ->
          new ChannelException.Native(
              "The device could not do what was asked for " + name + code, "ibv_poll_cq", status);
    };
  }

  private static ChannelException tooLong(String name, long work, String code) {
    if (Work.kind(work) == Work.RECEIVE) {
      return new ChannelException.Violated(
          "The peer of " + name + " sent a frame longer than a slot" + code);
    }
    return new ChannelException.Native(
        "The device could not send to " + name + code,
        "ibv_poll_cq",
        Completions.LOCAL_LENGTH_ERROR);
  }
}
