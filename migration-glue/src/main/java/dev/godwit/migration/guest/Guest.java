package dev.godwit.migration.guest;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.stream.Section;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * A virtual machine that the engine can move. It stays its owner's, who made it, and who ends it
 * once a migration has given it up.
 *
 * <p>A migration calls everything here but {@link #throttle} and {@link #isRunning} from one thread
 * at a time. What a guest throws fails the migration, and leaves the guest at its source; an
 * exception that is not a {@link GuestException} does the same.
 */
public interface Guest {

  /** The machine's type and version, the same on both sides: 1 to 256 bytes, as {@code lab-1}. */
  String machine();

  /** The guest's own identity; the channels of a migration name it. */
  default Optional<UUID> uuid() {
    return Optional.empty();
  }

  /**
   * All memory, the same objects in the same order at each call. It stays mapped and unmoved for as
   * long as there is a migration of it.
   */
  List<RamBlock> ramBlocks();

  /** The log of what the guest writes to {@link #ramBlocks}. */
  DirtyLog dirtyLog();

  /** The devices, in the order in which they are loaded. */
  List<? extends GuestDevice> devices();

  /**
   * Takes the state of a device that {@link #devices} does not name, as the source wrote it; for
   * those who only keep a guest. A guest that knows all its devices refuses, as this does.
   */
  default void loadOther(Section section, byte[] state) throws GuestException {
    throw new GuestException("The guest has no such device");
  }

  /** Whether it may change memory or devices; any thread. */
  boolean isRunning();

  /**
   * Stops the guest. On return nothing changes memory or devices any more, and all that was changed
   * before is in the dirty log. Does nothing where it is stopped.
   */
  void pause() throws GuestException;

  /**
   * Lets the guest run on from where it is. Does nothing where it runs. If this throws, the guest
   * does not run.
   */
  void resume() throws GuestException;

  /**
   * Takes time away from the guest's processors so that it changes less memory; any thread, quick,
   * and without effect on a guest that is stopped.
   *
   * @param percent of the time that is taken, 0 to 99; 0 lets it run freely
   */
  void throttle(int percent) throws GuestException;
}
