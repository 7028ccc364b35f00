package dev.godwit.lab.guest;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * What a {@link BootSector} guest said on its serial port over its whole life, which may have
 * passed through several QEMUs.
 *
 * <p>The logs are read as one text in the order in which the guest ran there: a line may begin in
 * one and end in the next. Ticks must count from 1 without a gap, so a guest that lost a moment,
 * lived one twice or started anew is found by its first tick after that. An unfinished last line is
 * still being written and is left out.
 *
 * @param last the last tick before the finding, or of the log; 0 if there is none
 * @param finding what is wrong, if anything is: the first such thing
 */
public record SerialTicks(long last, Optional<Finding> finding) {

  /** What can be wrong with a guest. */
  public sealed interface Finding {
    /** The finding as one sentence. */
    String sentence();
  }

  /**
   * The guest found its memory wrong and halted.
   *
   * @param afterTick the last tick before
   * @param address of the 32-bit word
   * @param expected what the guest had written there
   * @param found what it read
   */
  public record WrongMemory(long afterTick, long address, long expected, long found)
      implements Finding {
    /** Number of the 4 KiB page the word is in. */
    public long page() {
      return address / BootSector.PAGE_BYTES;
    }

    @Override
    public String sentence() {
      return "After tick %d the guest found 0x%08X instead of 0x%08X at address 0x%08X (page 0x%X)"
          .formatted(afterTick, found, expected, address, page());
    }
  }

  /**
   * A tick was repeated or left out.
   *
   * @param last the tick before
   * @param next the tick that came instead of the one after it
   */
  public record BrokenSequence(long last, long next) implements Finding {
    @Override
    public String sentence() {
      return next <= last
          ? "The guest went back from tick %d to tick %d".formatted(last, next)
          : "The guest's ticks jump from %d to %d".formatted(last, next);
    }
  }

  /**
   * The guest said what it never says, or went on after it had halted.
   *
   * @param afterTick the last tick before
   * @param line the line, printable
   */
  public record Unreadable(long afterTick, String line) implements Finding {
    @Override
    public String sentence() {
      return "After tick %d the serial log says \"%s\"".formatted(afterTick, line);
    }
  }

  private static final Pattern TICK = Pattern.compile("T ([0-9A-F]{8})");
  private static final Pattern FAILED =
      Pattern.compile("F ([0-9A-F]{8}) ([0-9A-F]{8}) ([0-9A-F]{8})");
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(5);
  private static final int SHOWN_OF_A_LINE = 80;

  /**
   * Reads the logs as they are now.
   *
   * @param logs in the order in which the guest ran there; one that does not exist yet is empty
   */
  public static SerialTicks read(Path... logs) throws IOException {
    var text = new ByteArrayOutputStream();
    for (Path log : logs) {
      if (Files.exists(log)) {
        text.writeBytes(Files.readAllBytes(log));
      }
    }
    return parse(text.toString(StandardCharsets.ISO_8859_1));
  }

  /** Judges a whole text, from the guest's first tick on. */
  public static SerialTicks parse(String text) {
    long last = 0;
    int end;
    for (int from = 0; (end = text.indexOf('\n', from)) >= 0; from = end + 1) {
      String line = text.substring(from, end);
      var tick = TICK.matcher(line);
      if (!tick.matches()) {
        return new SerialTicks(last, Optional.of(notATick(line, last)));
      }
      long next = Long.parseLong(tick.group(1), 16);
      if (next != last + 1) {
        return new SerialTicks(last, Optional.of(new BrokenSequence(last, next)));
      }
      last = next;
    }
    return new SerialTicks(last, Optional.empty());
  }

  private static Finding notATick(String line, long last) {
    var failed = FAILED.matcher(line);
    if (failed.matches()) {
      return new WrongMemory(
          last,
          Long.parseLong(failed.group(1), 16),
          Long.parseLong(failed.group(2), 16),
          Long.parseLong(failed.group(3), 16));
    }
    String printable = line.replaceAll("[^ -~]", "?");
    return new Unreadable(
        last, printable.substring(0, Math.min(SHOWN_OF_A_LINE, printable.length())));
  }

  /**
   * Waits until the guest has reached a tick or something is wrong with it, and says which by its
   * result.
   *
   * @throws TimeoutException if neither happened in time, saying where the guest stopped
   */
  public static SerialTicks await(long tick, Duration limit, Path... logs)
      throws IOException, InterruptedException, TimeoutException {
    return await("reach tick " + tick, ticks -> ticks.last() >= tick, limit, logs);
  }

  /**
   * Waits until something is wrong with the guest.
   *
   * @throws TimeoutException if the guest was still right at the end of that time
   */
  public static SerialTicks awaitFinding(Duration limit, Path... logs)
      throws IOException, InterruptedException, TimeoutException {
    return await("find anything wrong", ticks -> false, limit, logs);
  }

  private static SerialTicks await(
      String what, Predicate<SerialTicks> until, Duration limit, Path... logs)
      throws IOException, InterruptedException, TimeoutException {
    long start = System.nanoTime();
    while (true) {
      boolean late = System.nanoTime() - start > limit.toNanos();
      SerialTicks ticks = read(logs);
      if (ticks.finding().isPresent() || until.test(ticks)) {
        return ticks;
      }
      if (late) {
        throw new TimeoutException(
            "The guest is at tick "
                + ticks.last()
                + " and did not "
                + what
                + " within "
                + limit.toMillis()
                + " ms");
      }
      Thread.sleep(BETWEEN_LOOKS);
    }
  }
}
