package dev.godwit.lab.embedded;

import java.util.List;
import java.util.Locale;

/**
 * What a lab guest found when it looked at all of itself.
 *
 * @param recordsChecked that have to be in memory, each with the one state it may have
 * @param zeroBytesChecked that have to be zero
 * @param faults how much of that, and of the devices, is not as it must be
 * @param firstFaults the first of them, a sentence each
 */
public record Verification(
    long recordsChecked, long zeroBytesChecked, long faults, List<String> firstFaults) {
  public Verification {
    firstFaults = List.copyOf(firstFaults);
  }

  public boolean isSound() {
    return faults == 0;
  }

  @Override
  public String toString() {
    return isSound()
        ? String.format(Locale.ROOT, "%,d records are as they must be", recordsChecked)
        : String.format(
            Locale.ROOT,
            "%,d faults in %,d records: %s",
            faults,
            recordsChecked,
            String.join("; ", firstFaults));
  }
}
