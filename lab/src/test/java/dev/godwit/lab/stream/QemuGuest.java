package dev.godwit.lab.stream;

import dev.godwit.channel.image.GuestImage;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.stream.Section;
import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StateDescription.Field;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.migration.dirty.MarkedLog;
import dev.godwit.migration.guest.DirtyLog;
import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.transport.ChannelException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** A guest of QEMU that is kept and does not run, for the engine: its devices are what came. */
public final class QemuGuest implements Guest, AutoCloseable {
  private final String machine;
  private final Optional<UUID> uuid;
  private final Arena arena = Arena.ofShared();
  private final List<RamBlock> blocks;
  private final MarkedLog log;
  private final List<GuestDevice> devices = new ArrayList<>();
  private volatile boolean running;

  /** One with memory as that of {@code image} is laid out, and all of it zero. */
  public QemuGuest(GuestImage image) {
    machine = image.machine().orElseThrow();
    uuid = image.uuid();
    blocks =
        image.blocks().all().stream()
            .map(
                block ->
                    new RamBlock(
                        block.name(), arena.allocate(block.lengthBytes(), 4096), block.pageBytes()))
            .toList();
    log = new MarkedLog(blocks);
  }

  @Override
  public String machine() {
    return machine;
  }

  @Override
  public Optional<UUID> uuid() {
    return uuid;
  }

  @Override
  public List<RamBlock> ramBlocks() {
    return blocks;
  }

  @Override
  public DirtyLog dirtyLog() {
    return log;
  }

  @Override
  public List<GuestDevice> devices() {
    return List.copyOf(devices);
  }

  @Override
  public void loadOther(Section section, byte[] state) {
    devices.add(new Kept(section, state));
  }

  /** Whether it ran where it came from, and is to run where it goes. */
  @Override
  public boolean isRunning() {
    return running;
  }

  @Override
  public void pause() {
    running = false;
  }

  @Override
  public void resume() {
    running = true;
  }

  @Override
  public void throttle(int percent) {}

  @Override
  public void close() {
    arena.close();
  }

  /** A device's state as it came. */
  @SuppressWarnings("ArrayRecordComponent")
  private record Kept(Section section, byte[] state) implements GuestDevice {
    @Override
    public String name() {
      return section.name();
    }

    @Override
    public long instance() {
      return section.instance();
    }

    @Override
    public long version() {
      return section.version();
    }

    @Override
    public StateDescription save(StreamOutput out) throws ChannelException {
      out.bytes(state);
      Field whole = new Field("state", "buffer", state.length, 1, Optional.empty());
      return new StateDescription(
          section.name(),
          section.version(),
          state.length == 0 ? List.of() : List.of(whole),
          List.of());
    }

    @Override
    public void load(StreamInput in, long version) {
      throw new IllegalStateException("A state that is kept is not loaded");
    }
  }
}
