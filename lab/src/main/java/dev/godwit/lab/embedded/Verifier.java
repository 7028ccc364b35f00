package dev.godwit.lab.embedded;

import dev.godwit.channel.ram.RamBlock;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Looks at all of a guest that stands. Used once. */
final class Verifier {
  /** Enough to see what kind of fault it is. */
  private static final int FAULTS_TOLD = 8;

  private final LabSpec spec;
  private final Layout layout;
  private final List<RamBlock> blocks;
  private final List<Vcpu> vcpus;
  private final LabDevices devices;
  private final List<Schedule.Journal> journals = new ArrayList<>();
  private final MemorySegment zeroes = MemorySegment.ofArray(new long[Layout.FRAME_BYTES / 8]);
  private final List<String> told = new ArrayList<>();
  private long records;
  private long zeroBytes;
  private long faults;

  Verifier(
      LabSpec spec, Layout layout, List<RamBlock> blocks, List<Vcpu> vcpus, LabDevices devices) {
    this.spec = spec;
    this.layout = layout;
    this.blocks = blocks;
    this.vcpus = vcpus;
    this.devices = devices;
    for (Vcpu vcpu : vcpus) {
      journals.add(vcpu.schedule().journal(vcpu.writes()));
    }
  }

  Verification verify() {
    devices.faults().forEach(this::fault);
    for (long frame = 0; frame < layout.frames(); frame++) {
      long used = layout.used(frame);
      if (used == Layout.UNUSED) {
        zero(frame, "must stay zero for ever, and is not");
      } else {
        owned(frame, layout.owner(used), layout.local(used));
      }
    }
    return new Verification(records, zeroBytes, faults, told);
  }

  private void owned(long frame, int vcpu, long local) {
    Schedule.Journal journal = journals.get(vcpu);
    boolean ofRecords = local < vcpus.get(vcpu).schedule().recordFrames();
    long filled = ofRecords ? 0 : journal.lastToErased(local);
    if (!ofRecords && filled == 0) {
      zero(frame, "has been erased by processor " + vcpu + ", and is not zero");
      return;
    }
    long first = local * Layout.RECORDS_A_FRAME;
    for (int i = 0; i < Layout.RECORDS_A_FRAME; i++) {
      record(frame, i, vcpu, ofRecords ? journal.lastToRecord(first + i) : filled);
    }
  }

  private void record(long frame, int number, int vcpu, long sequence) {
    int block = layout.block(frame);
    long offset = layout.offset(frame) + (long) number * GuestRecord.BYTES;
    String wrong =
        GuestRecord.fault(
            blocks.get(block).memory(),
            offset,
            spec.seed(),
            vcpu,
            sequence,
            Layout.address(block, offset));
    records++;
    if (!wrong.isEmpty()) {
      fault(
          String.format(
              "The record of processor %d at %#x of %s %s",
              vcpu, offset, blocks.get(block).name(), wrong));
    }
  }

  private void zero(long frame, String wrong) {
    RamBlock block = blocks.get(layout.block(frame));
    long offset = layout.offset(frame);
    zeroBytes += Layout.FRAME_BYTES;
    if (MemorySegment.mismatch(
            block.memory(), offset, offset + Layout.FRAME_BYTES, zeroes, 0, Layout.FRAME_BYTES)
        >= 0) {
      fault(String.format("The memory at %#x of %s %s", offset, block.name(), wrong));
    }
  }

  private void fault(String sentence) {
    faults++;
    if (told.size() < FAULTS_TOLD) {
      told.add(sentence);
    }
  }
}
