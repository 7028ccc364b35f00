package dev.godwit.migration.engine;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.stream.Section;
import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.channel.stream.StreamReader;
import dev.godwit.migration.dirty.DirtyMemory;
import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.ChannelException;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * A guest as the engine asks it: whatever it throws becomes a {@link GuestFailure} that says what
 * it was asked.
 */
final class GuestCalls {
  /** Something that a guest is asked. */
  @FunctionalInterface
  interface Question<T> {
    T ask() throws GuestException;
  }

  /** Something that a guest is to do. */
  @FunctionalInterface
  interface Order {
    void give() throws GuestException;
  }

  private final Guest guest;
  private final DirtyMemory memory;
  private final Watchdog watchdog;

  /**
   * @param watchdog does not wait for the peer while the guest is asked
   */
  GuestCalls(Guest guest, DirtyMemory memory, Watchdog watchdog) {
    this.guest = guest;
    this.memory = memory;
    this.watchdog = watchdog;
  }

  String machine() throws GuestFailure {
    return ask("The guest does not say what machine it is", guest::machine);
  }

  Optional<UUID> uuid() throws GuestFailure {
    return ask("The guest does not say who it is", guest::uuid);
  }

  RamBlocks blocks() throws GuestFailure {
    return ask(
        "The guest does not say what memory it has",
        () -> {
          RamBlocks blocks = new RamBlocks(guest.ramBlocks());
          for (RamBlock block : blocks.all()) {
            if (block.pageBytes() < SourceStream.PAGE_BYTES) {
              throw new GuestException(
                  block + " has pages of " + block.pageBytes() + " bytes, and 4096 is the least");
            }
          }
          return blocks;
        });
  }

  List<GuestDevice> devices() throws GuestFailure {
    return ask("The guest does not say what devices it has", () -> List.copyOf(guest.devices()));
  }

  boolean isRunning() throws GuestFailure {
    return ask("The guest does not say whether it runs", memory::isRunning);
  }

  /** Pauses the guest; returns whether it ran. */
  boolean pause() throws GuestFailure {
    return ask("The guest could not be paused", memory::pause);
  }

  void resume() throws GuestFailure {
    give("The guest could not be resumed", memory::resume);
  }

  void throttle(int percent) throws GuestFailure {
    give("The guest could not be throttled", () -> guest.throttle(percent));
  }

  /** Begins to see what the guest changes. */
  DirtyMemory.Client open() throws GuestFailure {
    return ask("The guest's memory could not be watched", memory::open);
  }

  void sync(DirtyMemory.Client dirty) throws GuestFailure {
    give("The guest does not say what memory it has changed", dirty::sync);
  }

  void close(DirtyMemory.Client dirty) throws GuestFailure {
    give("The guest's memory is still watched", dirty::close);
  }

  /** How the stream calls a device. */
  Section section(GuestDevice device, long id) throws GuestFailure {
    return ask(
        "A device of the guest does not say what it is",
        () -> new Section(id, device.name(), device.instance(), device.version()));
  }

  StateDescription save(GuestDevice device, Section section, StreamOutput out) throws IOException {
    return exchange("The state of " + section + " could not be saved", () -> device.save(out));
  }

  /** Has a device read its section's body. */
  void load(GuestDevice device, Section section, StreamReader reader) throws IOException {
    exchange(
        "The state of " + section + " could not be loaded",
        () -> {
          StreamInput in = reader.body();
          device.load(in, section.version());
          reader.endBody();
          return true;
        });
  }

  void loadOther(Section section, byte[] state) throws GuestFailure {
    give("The state of " + section + " could not be loaded", () -> guest.loadOther(section, state));
  }

  private void give(String otherwise, Order order) throws GuestFailure {
    ask(
        otherwise,
        () -> {
          order.give();
          return true;
        });
  }

  private <T> T ask(String otherwise, Question<T> question) throws GuestFailure {
    watchdog.hold();
    try {
      return question.ask();
    } catch (GuestException | RuntimeException | Error e) {
      throw new GuestFailure(otherwise, e);
    } finally {
      watchdog.release();
    }
  }

  /** Something that a device does on a channel, whose own failures are the channel's. */
  @FunctionalInterface
  private interface Exchange<T> {
    T run() throws ChannelException, StreamException, GuestException;
  }

  private static <T> T exchange(String otherwise, Exchange<T> exchange) throws IOException {
    try {
      return exchange.run();
    } catch (GuestException | RuntimeException | Error e) {
      throw new GuestFailure(otherwise, e);
    }
  }
}
