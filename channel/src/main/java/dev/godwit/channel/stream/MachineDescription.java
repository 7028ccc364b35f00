package dev.godwit.channel.stream;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A {@link VmDescription} that was looked into.
 *
 * @param pageBytes the target's page size, where it is told
 * @param configuration what the configuration holds; 10.0 tells, 7.2 does not
 * @param devices in the order of their sections; those of several pieces, such as {@code ram}, are
 *     not described
 */
public record MachineDescription(
    OptionalLong pageBytes, Optional<StateDescription> configuration, List<Device> devices) {

  public MachineDescription {
    devices = List.copyOf(devices);
  }

  /**
   * What one FULL section holds.
   *
   * @param name of the section
   * @param instance of the section
   */
  public record Device(String name, long instance, StateDescription state) {
    /** Length of the section's body in bytes, between header and footer. */
    public long bodyBytes() {
      return state.bodyBytes();
    }
  }

  /** What the body of {@code section} holds, if that is described. */
  public Optional<Device> device(Section section) {
    return devices.stream()
        .filter(d -> d.name().equals(section.name()) && d.instance() == section.instance())
        .findFirst();
  }
}
