package dev.godwit.channel.inspect;

import dev.godwit.channel.stream.Configuration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What is in one main stream. Offsets are bytes from where the stream begins.
 *
 * @param bytes length of the stream, or of a damaged one as far as there was more to read
 * @param configuration empty if the stream has none
 * @param sections in order; of those that come in many pieces the first {@value #MAX_LISTED}
 * @param furtherSections how many more there were
 * @param ram empty if the stream has none, or ended before its table
 * @param commands in order, the first {@value #MAX_LISTED}, with no more than {@value #MAX_RANGES}
 *     discarded ranges in all of them
 * @param furtherCommands how many more there were
 * @param postcopy empty if the stream says nothing of it
 * @param disks what was moved of disks and dirty bitmaps
 * @param devices in order
 * @param descriptionBytes length of the description's JSON; empty if there is none
 * @param shares what all bytes are for; their sum is {@code bytes}
 * @param damage why it could not be read to its end; empty if the stream is sound
 */
public record StreamReport(
    long bytes,
    Optional<Configuration> configuration,
    List<SectionReport> sections,
    long furtherSections,
    Optional<RamReport> ram,
    List<CommandReport> commands,
    long furtherCommands,
    Optional<PostcopyReport> postcopy,
    List<DiskReport> disks,
    List<DeviceReport> devices,
    OptionalLong descriptionBytes,
    List<Share> shares,
    Optional<Damage> damage) {

  /** Of what may come any number of times; a terabyte of a busy guest has some 20,000 pieces. */
  public static final int MAX_LISTED = 65_536;

  /** One command may have thousands. */
  public static final int MAX_RANGES = 262_144;

  public StreamReport {
    sections = List.copyOf(sections);
    commands = List.copyOf(commands);
    disks = List.copyOf(disks);
    devices = List.copyOf(devices);
    shares = List.copyOf(shares);
  }

  /** Whether it begins as a migration stream does; if not, {@code damage} says what it is. */
  public boolean isStream() {
    return shares.stream().anyMatch(share -> share.part().equals(Part.FILE_HEADER.toString()));
  }
}
