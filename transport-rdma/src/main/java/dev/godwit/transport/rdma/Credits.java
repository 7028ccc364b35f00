package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.wire.Frame;
import dev.godwit.transport.rdma.wire.FrameType;

/**
 * Who may send how many frames: a side sends only into receives that it knows the other one has
 * posted. Credits of the stream come back as the receiver's user reads, those of control frames at
 * once. Guarded by the channel's monitor.
 */
final class Credits {
  private final int theirSlots;
  private final int ourSlots;

  private int stream;
  private int control = Frame.CONTROL_SLOTS;

  private int streamUnread;
  private int controlUnread;
  private int streamToReturn;
  private int controlToReturn;

  /**
   * @param theirSlots how many stream frames the peer has room for
   * @param ourSlots how many this side has room for
   */
  Credits(int theirSlots, int ourSlots) {
    this.theirSlots = theirSlots;
    this.ourSlots = ourSlots;
    this.stream = theirSlots;
  }

  // What this side sends.

  boolean hasStream() {
    return stream > 0;
  }

  void takeStream() {
    stream--;
  }

  boolean hasControl() {
    return control > 0;
  }

  void takeControl() {
    control--;
  }

  /** The peer gave credits back. */
  void returned(int streamCredits, int controlCredits) throws ChannelException {
    if (streamCredits > theirSlots - stream || controlCredits > Frame.CONTROL_SLOTS - control) {
      throw new ChannelException.Violated(
          "The peer gave back "
              + streamCredits
              + " and "
              + controlCredits
              + " credits, and no more than "
              + (theirSlots - stream)
              + " and "
              + (Frame.CONTROL_SLOTS - control)
              + " were used");
    }
    stream += streamCredits;
    control += controlCredits;
  }

  // What the peer sends.

  /** A frame came; fails if the peer had no credit for it, or none to give. */
  void arrived(FrameType type, int streamCredits, int controlCredits) throws ChannelException {
    switch (type.credit()) {
      case STREAM -> {
        if (streamUnread + streamToReturn == ourSlots) {
          throw exceeded("the stream", ourSlots);
        }
        streamUnread++;
      }
      case CONTROL -> {
        if (controlUnread + controlToReturn == Frame.CONTROL_SLOTS) {
          throw exceeded("control", Frame.CONTROL_SLOTS);
        }
        controlUnread++;
      }
      case NONE -> {
        if (type == FrameType.CREDIT
            && !isEnough(streamCredits, theirSlots)
            && !isEnough(controlCredits, Frame.CONTROL_SLOTS)) {
          throw new ChannelException.Violated(
              "The peer sent a frame of its own for "
                  + streamCredits
                  + " and "
                  + controlCredits
                  + " credits, which is too few");
        }
      }
    }
  }

  private static ChannelException exceeded(String what, int slots) {
    return new ChannelException.Violated(
        "The peer exceeded its credits: more than " + slots + " frames of " + what);
  }

  /** The receive of a stream frame is posted again. */
  void streamReposted() {
    streamUnread--;
    streamToReturn++;
  }

  /** The receive of a control frame is posted again. */
  void controlReposted() {
    controlUnread--;
    controlToReturn++;
  }

  /** Whether so much is to be given back that it deserves a frame of its own. */
  boolean isReturnDue() {
    return isEnough(streamToReturn, ourSlots) || isEnough(controlToReturn, Frame.CONTROL_SLOTS);
  }

  /** Half, so that few such frames can be under way, see {@link Frame#RESERVE}. */
  private static boolean isEnough(int credits, int slots) {
    return 2 * credits >= slots;
  }

  /** What to write into the next frame as given back; it is given back by that. */
  int takeStreamToReturn() {
    int credits = streamToReturn;
    streamToReturn = 0;
    return credits;
  }

  /** As {@link #takeStreamToReturn}. */
  int takeControlToReturn() {
    int credits = controlToReturn;
    controlToReturn = 0;
    return credits;
  }
}
