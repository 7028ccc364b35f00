package dev.godwit.lab.embedded;

import dev.godwit.channel.ram.AnonymousMemory;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.migration.dirty.MarkedLog;
import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.migration.guest.GuestException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * A virtual machine made of threads. Its processors write records that prove themselves, in an
 * order of which {@link #verify} knows at each moment what memory must hold: a page that was lost,
 * damaged, misplaced or left as it was in an earlier pass is found with certainty. Thread-safe;
 * closing it ends its threads and frees its memory.
 */
public final class LabGuest implements Guest, AutoCloseable {
  private static final String MACHINE = "lab-1";

  private final LabSpec spec;
  private final Layout layout;
  private final Arena arena = Arena.ofShared();
  private final List<RamBlock> blocks = new ArrayList<>();
  private final MarkedLog log;
  private final VcpuSwitch control = new VcpuSwitch();
  private final List<Vcpu> vcpus = new ArrayList<>();
  private final LabDevices devices;
  private final Object runOrStand = new Object();
  private boolean ended;

  private LabGuest(LabSpec spec) {
    this.spec = spec;
    this.layout = new Layout(spec);
    blocks.add(block("lab.ram", spec.ramBytes(), spec.ramPageBytes()));
    if (spec.hugeBytes() > 0) {
      blocks.add(block("lab.huge", spec.hugeBytes(), spec.hugePageBytes()));
    }
    log = new MarkedLog(blocks);
    List<MemorySegment> memory = blocks.stream().map(RamBlock::memory).toList();
    for (int i = 0; i < spec.vcpus(); i++) {
      vcpus.add(new Vcpu(i, spec, layout, memory, log, control));
    }
    devices = new LabDevices(spec.identity(), vcpus);
  }

  private RamBlock block(String name, long bytes, int pageBytes) {
    return new RamBlock(name, AnonymousMemory.allocate(bytes, arena), pageBytes);
  }

  /** A guest that has booted and does not run yet: its memory holds what it begins with. */
  public static LabGuest create(LabSpec spec) {
    LabGuest guest = empty(spec);
    guest.vcpus.forEach(Vcpu::boot);
    guest.devices.booted();
    return guest;
  }

  /** A guest for a state to be loaded into: all memory is zero, and it runs once it is loaded. */
  public static LabGuest empty(LabSpec spec) {
    return new LabGuest(spec);
  }

  public LabSpec spec() {
    return spec;
  }

  @Override
  public String machine() {
    return MACHINE;
  }

  @Override
  public Optional<UUID> uuid() {
    return Optional.of(new UUID(Mix.of(spec.seed(), 1), Mix.of(spec.seed(), 2)));
  }

  @Override
  public List<RamBlock> ramBlocks() {
    return List.copyOf(blocks);
  }

  @Override
  public MarkedLog dirtyLog() {
    return log;
  }

  @Override
  public List<GuestDevice> devices() {
    return devices.all();
  }

  @Override
  public boolean isRunning() {
    return control.isRunning();
  }

  @Override
  public void pause() throws GuestException {
    synchronized (runOrStand) {
      if (control.stand()) {
        devices.paused();
      }
    }
  }

  /**
   * {@inheritDoc}
   *
   * @throws GuestException if nothing has been loaded into a guest that was made {@link #empty}, or
   *     not all of it
   */
  @Override
  public void resume() throws GuestException {
    synchronized (runOrStand) {
      devices.requireComplete();
      control.run(vcpus);
    }
  }

  @Override
  public void throttle(int percent) throws GuestException {
    if (percent < 0 || percent > 99) {
      throw new GuestException("A guest can be throttled by 0 to 99 percent, not by " + percent);
    }
    control.throttle(percent);
  }

  /** How often its processors have written since it booted, wherever that was. */
  public long writes() {
    return vcpus.stream().mapToLong(Vcpu::writes).sum();
  }

  /** What it noticed of time so far; any thread, while it runs as well. */
  public ClockReading clock() {
    return new ClockReading(
        vcpus.stream().mapToLong(Vcpu::ticks).sum(),
        Duration.ofNanos(vcpus.stream().mapToLong(Vcpu::longestGapNanos).max().orElse(0)),
        Duration.ofNanos(vcpus.stream().mapToLong(Vcpu::lastGapNanos).max().orElse(0)));
  }

  /**
   * Looks at every byte of memory and at all devices.
   *
   * @throws IllegalStateException if the guest runs
   */
  public Verification verify() {
    requireStanding();
    return new Verifier(spec, layout, blocks, vcpus, devices).verify();
  }

  /**
   * A number made of all memory, to be compared with another guest's.
   *
   * @throws IllegalStateException if the guest runs
   */
  public long fingerprint() {
    requireStanding();
    long print = spec.identity();
    for (RamBlock block : blocks) {
      long[] lanes = {1, 2, 3, 4};
      for (long at = 0; at < block.lengthBytes(); at += 32) {
        for (int lane = 0; lane < lanes.length; lane++) {
          long word = block.memory().get(ValueLayout.JAVA_LONG, at + lane * 8L);
          lanes[lane] = (lanes[lane] ^ word) * 0x9e3779b97f4a7c15L;
          lanes[lane] ^= lanes[lane] >>> 32;
        }
      }
      print = Mix.of(Mix.of(print, lanes[0], lanes[1]), lanes[2], lanes[3]);
    }
    return print;
  }

  /** The first place where another guest's memory is not as this one's, as a sentence. */
  public Optional<String> difference(LabGuest other) {
    requireStanding();
    other.requireStanding();
    for (int i = 0; i < blocks.size(); i++) {
      long at = blocks.get(i).memory().mismatch(other.blocks.get(i).memory());
      if (at >= 0) {
        return Optional.of(
            String.format("Block %s differs at offset %#x", blocks.get(i).name(), at));
      }
    }
    return Optional.empty();
  }

  private void requireStanding() {
    if (!control.isStanding()) {
      throw new IllegalStateException("The guest runs");
    }
  }

  @Override
  public synchronized void close() {
    if (!ended) {
      ended = true;
      control.close();
      arena.close();
    }
  }
}
