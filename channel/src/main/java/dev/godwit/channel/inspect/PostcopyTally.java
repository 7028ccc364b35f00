package dev.godwit.channel.inspect;

import dev.godwit.channel.inspect.PostcopyReport.Discard;
import dev.godwit.channel.stream.Command;
import dev.godwit.channel.stream.Command.PostcopyAdvise.PageSizes;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** Remembers what commands say of postcopy. */
final class PostcopyTally {
  /** More blocks than any table has. */
  private static final int MAX_BLOCKS = 4096;

  private final Map<String, Discard> discards = new LinkedHashMap<>();
  private boolean mentioned;
  private Optional<PageSizes> advised = Optional.empty();
  private OptionalLong packageAt = OptionalLong.empty();
  private OptionalLong packageBytes = OptionalLong.empty();
  private OptionalLong runAt = OptionalLong.empty();
  private long pagesBefore;

  Optional<PageSizes> advised() {
    return advised;
  }

  /** Whether the item that begins there lies in the package. */
  boolean inPackage(long offset) {
    return packageAt.isPresent()
        && offset >= packageAt.getAsLong()
        && offset < packageAt.getAsLong() + packageBytes.orElse(0);
  }

  /**
   * @param offset of the command
   * @param in stands behind it
   * @param pages that have come so far
   */
  void see(Command command, long offset, StreamInput in, long pages) throws StreamException {
    switch (command) {
      case Command.PostcopyAdvise advise -> {
        mentioned = true;
        advised = advise.pageSizes();
      }
      case Command.PostcopyRamDiscard discard -> discard(discard, offset, in);
      case Command.Packaged embedded -> {
        mentioned = true;
        packageAt = OptionalLong.of(in.offset());
        packageBytes = OptionalLong.of(embedded.packageBytes());
      }
      case Command.PostcopyRun ignored -> {
        mentioned = true;
        runAt = OptionalLong.of(offset);
        pagesBefore = pages;
      }
      default -> {}
    }
  }

  private void discard(Command.PostcopyRamDiscard discard, long offset, StreamInput in)
      throws StreamException {
    if (discards.size() >= MAX_BLOCKS && !discards.containsKey(discard.block())) {
      throw in.unsupported(offset, "More than " + MAX_BLOCKS + " RAM blocks are discarded");
    }
    mentioned = true;
    long bytes = 0;
    for (Command.PostcopyRamDiscard.Range range : discard.ranges()) {
      bytes = sum(bytes, range.length());
    }
    Discard one = new Discard(discard.block(), 1, discard.ranges().size(), bytes);
    discards.merge(
        discard.block(),
        one,
        (before, now) ->
            new Discard(
                now.block(),
                before.commands() + now.commands(),
                before.ranges() + now.ranges(),
                sum(before.bytes(), now.bytes())));
  }

  /** What would be beyond all numbers is the largest. */
  private static long sum(long a, long b) {
    return a > Long.MAX_VALUE - b ? Long.MAX_VALUE : a + b;
  }

  /**
   * @param pages that have come in all
   */
  Optional<PostcopyReport> report(long pages) {
    return mentioned
        ? Optional.of(
            new PostcopyReport(
                advised,
                List.copyOf(discards.values()),
                packageAt,
                packageBytes,
                runAt,
                runAt.isPresent() ? pages - pagesBefore : 0))
        : Optional.empty();
  }
}
