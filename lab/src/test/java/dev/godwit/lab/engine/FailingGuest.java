package dev.godwit.lab.engine;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.migration.guest.DirtyLog;
import dev.godwit.migration.guest.DirtyRuns;
import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.ChannelException;
import java.util.List;

/** A guest in which one callback throws, from its n-th call on, until it is mended. */
final class FailingGuest extends ForwardingGuest {
  /** What a guest is asked. */
  enum GuestCall {
    MACHINE,
    RAM_BLOCKS,
    DEVICES,
    LOG_START,
    LOG_TAKE,
    IS_RUNNING,
    PAUSE,
    THROTTLE,
    SAVE,
    LOAD,
    RESUME,
    DEVICE_NAME
  }

  /** How it throws. */
  enum How {
    SAID,
    UNEXPECTED,
    ERROR
  }

  private final GuestCall callback;
  private final How how;
  private final Guest guest;
  private volatile boolean failing = true;

  FailingGuest(Guest guest, GuestCall callback, How how) {
    super(guest);
    this.guest = guest;
    this.callback = callback;
    this.how = how;
  }

  private void meet(GuestCall now) throws GuestException {
    if (failing && now == callback && how == How.SAID) {
      throw new GuestException("It does not want to");
    }
    meetUnchecked(now);
  }

  private void meetUnchecked(GuestCall now) {
    if (failing && now == callback) {
      switch (how) {
        case UNEXPECTED -> throw new IllegalStateException("It does not want to");
        case ERROR -> throw new AssertionError("It does not want to");
        case SAID -> {
          // Not every callback may say it in its own way.
          throw new IllegalStateException("It does not want to");
        }
      }
    }
  }

  @Override
  public String machine() {
    meetUnchecked(GuestCall.MACHINE);
    return super.machine();
  }

  @Override
  public List<RamBlock> ramBlocks() {
    meetUnchecked(GuestCall.RAM_BLOCKS);
    return super.ramBlocks();
  }

  @Override
  public List<GuestDevice> devices() {
    meetUnchecked(GuestCall.DEVICES);
    return guest.devices().stream().<GuestDevice>map(FailingDevice::new).toList();
  }

  @Override
  public boolean isRunning() {
    meetUnchecked(GuestCall.IS_RUNNING);
    return super.isRunning();
  }

  @Override
  public void pause() throws GuestException {
    meet(GuestCall.PAUSE);
    super.pause();
  }

  @Override
  public void resume() throws GuestException {
    meet(GuestCall.RESUME);
    super.resume();
  }

  @Override
  public void throttle(int percent) throws GuestException {
    if (percent > 0) {
      meet(GuestCall.THROTTLE);
    }
    super.throttle(percent);
  }

  @Override
  public DirtyLog dirtyLog() {
    DirtyLog log = super.dirtyLog();
    return new DirtyLog() {
      @Override
      public void start() throws GuestException {
        meet(GuestCall.LOG_START);
        log.start();
      }

      @Override
      public void stop() throws GuestException {
        log.stop();
      }

      @Override
      public boolean isAtomic() {
        return log.isAtomic();
      }

      @Override
      public void takeAndClear(int block, DirtyRuns found) throws GuestException {
        meet(GuestCall.LOG_TAKE);
        log.takeAndClear(block, found);
      }
    };
  }

  private final class FailingDevice implements GuestDevice {
    private final GuestDevice device;

    FailingDevice(GuestDevice device) {
      this.device = device;
    }

    @Override
    public String name() {
      meetUnchecked(GuestCall.DEVICE_NAME);
      return device.name();
    }

    @Override
    public long instance() {
      return device.instance();
    }

    @Override
    public long version() {
      return device.version();
    }

    @Override
    public StateDescription save(StreamOutput out) throws ChannelException, GuestException {
      meet(GuestCall.SAVE);
      return device.save(out);
    }

    @Override
    public void load(StreamInput in, long version)
        throws ChannelException, StreamException, GuestException {
      meet(GuestCall.LOAD);
      device.load(in, version);
    }
  }
}
