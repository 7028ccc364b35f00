package dev.godwit.migration.image;

import dev.godwit.channel.image.ChannelAccount;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What became of a guest that was saved or restored.
 *
 * @param outcome whether it is where it was to go
 * @param sentence what happened, and where the guest is
 * @param failure what broke first, if something did
 * @param elapsed since the guest began to come
 * @param machine its machine type, once known
 * @param ramBytes of all its RAM blocks, 0 if that is not known
 * @param received what each channel from the source has brought, by its name
 * @param sent what each channel to the destination has taken
 * @param notes what the user should know besides
 */
public record ImageReport(
    Outcome outcome,
    String sentence,
    Optional<Throwable> failure,
    Duration elapsed,
    Optional<String> machine,
    long ramBytes,
    Map<String, ChannelAccount> received,
    Map<String, ChannelAccount> sent,
    List<String> notes) {

  /** How it ended. */
  public enum Outcome {
    /** The guest is in the file, or at the destination. */
    COMPLETED,
    /** The guest is where it was. */
    FAILED,
    /** The file was refused before anybody was connected to. */
    REFUSED,
    /** The guest is where it was because somebody here wanted so. */
    CANCELLED,
    /** Look at both sides. */
    UNKNOWN
  }
}
