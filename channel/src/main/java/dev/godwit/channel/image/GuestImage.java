package dev.godwit.channel.image;

import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.Section;
import dev.godwit.channel.stream.VmDescription;
import java.util.List;
import java.util.Optional;

/**
 * A guest at rest: its memory, which stays with whoever made it, and all else as its source wrote
 * it.
 *
 * @param configuration of the source's machine, if the stream had one
 * @param ramSection how the source named the section of its memory
 * @param table of the RAM blocks, as it came
 * @param blocks the memory, in the table's order
 * @param devices in the order in which they are loaded
 * @param description of the devices, if the stream had one
 */
public record GuestImage(
    Optional<Configuration> configuration,
    Section ramSection,
    RamTable table,
    RamBlocks blocks,
    List<DeviceState> devices,
    Optional<VmDescription> description) {

  public GuestImage {
    devices = List.copyOf(devices);
  }

  /**
   * The state of one device, as its source wrote it.
   *
   * @param bytes of the section's body; nobody changes them
   */
  @SuppressWarnings("ArrayRecordComponent")
  public record DeviceState(Section section, byte[] bytes) {}
}
