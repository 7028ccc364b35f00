package dev.godwit.lab.embedded;

/**
 * Who owns which memory. It is cut into frames of 4 KiB, whatever pages it is sent in; some stay
 * zero and are spread evenly among those that are used, and these belong to one processor after the
 * other, so that neighbours on a large page have different writers. Immutable.
 */
final class Layout {
  static final int FRAME_BYTES = 4 << 10;
  static final int RECORDS_A_FRAME = FRAME_BYTES / GuestRecord.BYTES;

  /** A frame that nobody owns. */
  static final long UNUSED = -1;

  private final long ramFrames;
  private final long frames;
  private final int vcpus;
  private final long usedFrames;

  Layout(LabSpec spec) {
    ramFrames = spec.ramBytes() / FRAME_BYTES;
    frames = (spec.ramBytes() + spec.hugeBytes()) / FRAME_BYTES;
    vcpus = spec.vcpus();
    usedFrames = frames * (100 - spec.zeroPercent()) / 100 / vcpus * vcpus;
  }

  long frames() {
    return frames;
  }

  /** How many frames each processor owns; it counts them from 0. */
  long framesOfVcpu() {
    return usedFrames / vcpus;
  }

  /** The frame of all that is a processor's own frame {@code local}. */
  long frame(int vcpu, long local) {
    return (local * vcpus + vcpu) * frames / usedFrames;
  }

  /** What number a frame has among those that are used, or {@link #UNUSED}. */
  long used(long frame) {
    long number = (frame * usedFrames + frames - 1) / frames;
    return number < usedFrames && number * frames / usedFrames == frame ? number : UNUSED;
  }

  int owner(long used) {
    return (int) (used % vcpus);
  }

  long local(long used) {
    return used / vcpus;
  }

  int block(long frame) {
    return frame < ramFrames ? 0 : 1;
  }

  /** Offset of the frame in its block, in bytes. */
  long offset(long frame) {
    return (frame < ramFrames ? frame : frame - ramFrames) * FRAME_BYTES;
  }

  /** What records say of where they are: the block and the offset in it. */
  static long address(int block, long offset) {
    return (long) block << 56 | offset;
  }
}
