package dev.godwit.migration.engine;

import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.stream.Section;
import dev.godwit.migration.guest.GuestDevice;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What a guest is made of, as its destination has to find it in the stream: memory, and devices
 * that are each to come once.
 */
final class GuestLayout {
  /** What tells devices apart. */
  private record Key(String name, long instance) {}

  private final String machine;
  private final RamBlocks blocks;
  private final Map<Key, GuestDevice> missing = new LinkedHashMap<>();
  private final Map<Key, GuestDevice> all = new LinkedHashMap<>();
  private final RunState runState = new RunState(false);
  private final boolean decides;

  private GuestLayout(String machine, RamBlocks blocks, Map<Key, GuestDevice> devices) {
    this.machine = machine;
    this.blocks = blocks;
    this.all.putAll(devices);
    Key key = new Key(runState.name(), runState.instance());
    this.decides = all.putIfAbsent(key, runState) == null;
    this.missing.putAll(all);
  }

  static GuestLayout of(GuestCalls guest) throws GuestFailure {
    Map<Key, GuestDevice> devices = new LinkedHashMap<>();
    for (GuestDevice device : guest.devices()) {
      Section section = guest.section(device, 0);
      devices.put(new Key(section.name(), section.instance()), device);
    }
    return new GuestLayout(guest.machine(), guest.blocks(), devices);
  }

  String machine() {
    return machine;
  }

  RamBlocks blocks() {
    return blocks;
  }

  /** The device that a section is about, unless the guest has none such. */
  Optional<GuestDevice> device(Section section) {
    return Optional.ofNullable(all.get(key(section)));
  }

  /** A device's state has come; false if it had before. */
  boolean arrived(Section section) {
    return missing.remove(key(section)) != null;
  }

  /** A device whose state has not come. */
  Optional<String> missing() {
    return missing.keySet().stream()
        .findFirst()
        .map(key -> key.name + ", instance " + key.instance);
  }

  private static Key key(Section section) {
    return new Key(section.name(), section.instance());
  }

  /** Whether the guest is to run: as it did at the source, or as a device of its own decides. */
  boolean runs() {
    return !decides || runState.isRunning();
  }
}
