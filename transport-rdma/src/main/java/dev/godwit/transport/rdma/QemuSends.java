package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.qemu.Command;

/**
 * The messages of QEMU's dialect that are on their way from here, and whether the last of them, by
 * which this side gives up, has left. Guarded by the channel's monitor.
 */
final class QemuSends {
  private static final int NONE = -1;

  private final QueuePair queuePair;
  private final Rings rings;
  private final Progress progress;
  private final Slots slots;
  private int abortSlot = NONE;
  private boolean abortSent;

  QemuSends(QueuePair queuePair, Rings rings, Progress progress) {
    this.queuePair = queuePair;
    this.rings = rings;
    this.progress = progress;
    this.slots = new Slots(rings.sendSlots());
  }

  boolean hasFree() {
    return slots.hasFree();
  }

  /** A slot for a message that is filled by and by, and sent by {@link #post}. */
  int take() {
    return slots.take();
  }

  int used() {
    return slots.used();
  }

  /** Sends what is in a slot. */
  void post(int slot, int bytes) throws ChannelException {
    queuePair.postSend(Work.of(Work.STREAM, slot), rings.sendOffset(slot), bytes);
    progress.posted();
  }

  /** Sends a command; there is a slot for it. */
  int post(Command command) throws ChannelException {
    int slot = slots.take();
    post(slot, command.encode(rings.send(slot)));
    return slot;
  }

  void completed(int slot) {
    slots.give(slot);
    if (slot == abortSlot) {
      abortSlot = NONE;
      abortSent = true;
    }
  }

  /** Says that this side gives up, for which the peer need not ask, if there is still a way. */
  void sayAbort() throws ChannelException {
    if (progress.isDisconnected() || !hasFree()) {
      abortSent = true;
      return;
    }
    abortSlot = post(new Command.GaveUp());
  }

  boolean isAbortSent() {
    return abortSent;
  }
}
