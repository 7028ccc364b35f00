package dev.godwit.channel.inspect;

import dev.godwit.channel.stream.Command.PostcopyAdvise.PageSizes;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a stream says of postcopy (qemu-wire.md §5.2, §5.3).
 *
 * @param advised the page sizes of both sides; empty if only dirty bitmaps may follow
 * @param discards what the destination drops before it runs, by block
 * @param packageAt offset of the package with the devices' state, and of the switch to postcopy
 * @param packageBytes its length
 * @param runAt offset of the command that lets the guest run at the destination
 * @param pagesAfter how many pages came after that, asked for or not
 */
public record PostcopyReport(
    Optional<PageSizes> advised,
    List<Discard> discards,
    OptionalLong packageAt,
    OptionalLong packageBytes,
    OptionalLong runAt,
    long pagesAfter) {

  public PostcopyReport {
    discards = List.copyOf(discards);
  }

  /**
   * What is dropped of one block.
   *
   * @param commands that name it
   * @param ranges in them
   * @param bytes of all ranges
   */
  public record Discard(String block, long commands, long ranges, long bytes) {}
}
