package dev.godwit.lab.engine;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.migration.guest.DirtyLog;
import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.migration.guest.GuestException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** A guest that is another one, but for what a test changes. */
public class ForwardingGuest implements Guest {
  private final Guest guest;

  public ForwardingGuest(Guest guest) {
    this.guest = guest;
  }

  @Override
  public String machine() {
    return guest.machine();
  }

  @Override
  public Optional<UUID> uuid() {
    return guest.uuid();
  }

  @Override
  public List<RamBlock> ramBlocks() {
    return guest.ramBlocks();
  }

  @Override
  public DirtyLog dirtyLog() {
    return guest.dirtyLog();
  }

  @Override
  public List<? extends GuestDevice> devices() {
    return guest.devices();
  }

  @Override
  public boolean isRunning() {
    return guest.isRunning();
  }

  @Override
  public void pause() throws GuestException {
    guest.pause();
  }

  @Override
  public void resume() throws GuestException {
    guest.resume();
  }

  @Override
  public void throttle(int percent) throws GuestException {
    guest.throttle(percent);
  }
}
