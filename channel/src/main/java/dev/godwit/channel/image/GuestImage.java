package dev.godwit.channel.image;

import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.Section;
import dev.godwit.channel.stream.VmDescription;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * A guest at rest: its memory, which stays with whoever made it, and all else as its source wrote
 * it.
 *
 * @param configuration of the source's machine, if the stream had one
 * @param uuid of the guest, where its source has told it; {@link
 *     dev.godwit.channel.multifd.MultifdSettings#NO_GUEST} where it has told that there is none
 * @param ramSection how the source named the section of its memory
 * @param blocks the memory, in the order of the source's table
 * @param devices in the order in which they are loaded
 * @param description of the devices, if the stream had one
 */
public record GuestImage(
    Optional<Configuration> configuration,
    Optional<UUID> uuid,
    Section ramSection,
    RamBlocks blocks,
    List<DeviceState> devices,
    Optional<VmDescription> description) {

  public GuestImage {
    devices = List.copyOf(devices);
  }

  /** The source's machine type; empty where it has told none. */
  public Optional<String> machine() {
    return configuration.map(Configuration::machine);
  }

  /**
   * The state of one device, as its source wrote it.
   *
   * @param bytes of the section's body; nobody changes them
   */
  @SuppressWarnings("ArrayRecordComponent")
  public record DeviceState(Section section, byte[] bytes) {}
}
