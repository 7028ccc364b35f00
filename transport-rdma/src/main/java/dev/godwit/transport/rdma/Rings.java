package dev.godwit.transport.rdma;

import dev.godwit.transport.rdma.qemu.Message;
import dev.godwit.transport.rdma.wire.Control;
import dev.godwit.transport.rdma.wire.Frame;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * The memory that a channel's frames are sent from and arrive in: receive slots, then slots for
 * frames of the stream, then small ones for control frames.
 */
final class Rings implements AutoCloseable {
  private static final int PAGE = 4096;

  /** The longest control frame, rounded up. */
  private static final int CONTROL_BYTES = 512;

  /** One is read, one may come, and one gives up; and to spare. */
  private static final int QEMU_MESSAGES = 4;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment memory;
  private final int slotBytes;
  private final long sendsAt;
  private final long controlsAt;
  private final ByteBuffer[] receives;
  private final ByteBuffer[] sends;
  private final ByteBuffer[] controls;

  /**
   * @param slots stream frames that the peer may have under way, and that this side sends from
   * @param slotBytes a frame at most
   */
  Rings(int slots, int slotBytes) {
    this(Frame.receives(slots), slots, Frame.CONTROL_SLOTS + Frame.RESERVE, slotBytes);
    assert Frame.HEADER_BYTES + Control.MAX_PAYLOAD_BYTES <= CONTROL_BYTES;
  }

  private Rings(int receives, int sends, int controls, int slotBytes) {
    this.slotBytes = slotBytes;
    this.receives = new ByteBuffer[receives];
    this.sends = new ByteBuffer[sends];
    this.controls = new ByteBuffer[controls];
    sendsAt = (long) receives * slotBytes;
    controlsAt = sendsAt + (long) sends * slotBytes;
    memory = arena.allocate(controlsAt + (long) controls * CONTROL_BYTES, PAGE);
    cut(this.receives, 0, slotBytes);
    cut(this.sends, sendsAt, slotBytes);
    cut(this.controls, controlsAt, CONTROL_BYTES);
  }

  /** For a QEMU that sends a message at a time, as long as any can be. */
  static Rings ofQemu() {
    return new Rings(QEMU_MESSAGES, QEMU_MESSAGES, 0, Message.MAX_BYTES);
  }

  /** How much memory rings of this size take, in bytes. */
  static long bytes(int slots, int slotBytes) {
    long frames = (long) Frame.receives(slots) + slots;
    return frames * slotBytes + (long) (Frame.CONTROL_SLOTS + Frame.RESERVE) * CONTROL_BYTES;
  }

  private void cut(ByteBuffer[] slots, long at, int bytes) {
    for (int i = 0; i < slots.length; i++) {
      slots[i] = memory.asSlice(at + (long) i * bytes, bytes).asByteBuffer();
    }
  }

  MemorySegment memory() {
    return memory;
  }

  int receiveSlots() {
    return receives.length;
  }

  int sendSlots() {
    return sends.length;
  }

  int controlSlots() {
    return controls.length;
  }

  int slotBytes() {
    return slotBytes;
  }

  ByteBuffer receive(int slot) {
    return receives[slot];
  }

  ByteBuffer send(int slot) {
    return sends[slot];
  }

  ByteBuffer control(int slot) {
    return controls[slot];
  }

  long receiveOffset(int slot) {
    return (long) slot * slotBytes;
  }

  long sendOffset(int slot) {
    return sendsAt + (long) slot * slotBytes;
  }

  long controlOffset(int slot) {
    return controlsAt + (long) slot * CONTROL_BYTES;
  }

  /** Frees the memory; nothing is registered in it any more. */
  @Override
  public void close() {
    arena.close();
  }
}
