package dev.godwit.channel.inspect;

import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * What came on one multifd channel (qemu-wire.md §4).
 *
 * @param id from 0
 * @param guest zeroes where the guest has none
 * @param bytes all that came
 * @param compression of the payload: {@code none}, {@code zlib}, {@code zstd} …
 * @param packets of pages, of SYNC or of both
 * @param syncs how many packets had a SYNC
 * @param payloadBytes of all pages as they came
 * @param blocks pages by RAM block
 * @param deviceStatePackets with state of devices
 * @param deviceStateBytes in them
 * @param damage why the channel could not be read on; empty if it was sound
 */
public record MultifdReport(
    int id,
    UUID guest,
    long bytes,
    String compression,
    long packets,
    long syncs,
    long payloadBytes,
    List<BlockPages> blocks,
    long deviceStatePackets,
    long deviceStateBytes,
    Optional<Damage> damage) {

  public MultifdReport {
    blocks = List.copyOf(blocks);
  }

  /**
   * Pages of one block.
   *
   * @param pages with payload
   * @param zeroPages that were listed as zero
   */
  public record BlockPages(String block, long pages, long zeroPages) {}

  /** With payload, of all blocks. */
  public long pages() {
    return blocks.stream().mapToLong(BlockPages::pages).sum();
  }

  /** Listed as zero, of all blocks. */
  public long zeroPages() {
    return blocks.stream().mapToLong(BlockPages::zeroPages).sum();
  }
}
