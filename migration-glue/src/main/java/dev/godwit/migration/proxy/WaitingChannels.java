package dev.godwit.migration.proxy;

import dev.godwit.channel.identity.ChannelRole;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The accepted connections that have no twin yet, in accept order; one thread's. */
final class WaitingChannels {
  /**
   * How long the silent connection that is to be the main channel waits for its first bytes before
   * it is joined. Real main channels speak within this.
   */
  private static final Duration SILENT_MAIN_GRACE = Duration.ofMillis(100);

  /**
   * How long any other silent connection holds up those accepted after it; then they pass it by.
   */
  private static final Duration SILENT_GRACE = Duration.ofSeconds(1);

  private final List<CarriedChannel> channels = new ArrayList<>();
  private long recognisedNanos;

  void add(CarriedChannel channel) {
    channels.add(channel);
  }

  boolean remove(CarriedChannel channel) {
    return channels.remove(channel);
  }

  /** Those that wait now, as they are to stay while they are walked. */
  List<CarriedChannel> all() {
    return List.copyOf(channels);
  }

  /** Removes and returns all of them. */
  List<CarriedChannel> clear() {
    List<CarriedChannel> all = all();
    channels.clear();
    return all;
  }

  Optional<CarriedChannel> longestSilent() {
    return channels.stream().filter(WaitingChannels::isSilent).findFirst();
  }

  /** A migration begins now: one of those that wait has been recognised. */
  void beginMigration() {
    recognisedNanos = System.nanoTime();
  }

  /**
   * A source connects its main channel first, so a side channel that comes when none can be waiting
   * belongs to a migration that is over, and would be taken for a main channel by its destination.
   */
  boolean isLeftOver(CarriedChannel channel, ChannelRole role) {
    boolean side = role instanceof ChannelRole.Multifd || role instanceof ChannelRole.Preempt;
    return side
        && channels.stream()
            .takeWhile(earlier -> earlier != channel)
            .noneMatch(earlier -> isSilent(earlier) || earlier.role().isMain());
  }

  /** Whose turn it is to get a twin. */
  Optional<CarriedChannel> turn(CarriedMigration current) {
    boolean mainIsKnown =
        !current.channels().isEmpty() || channels.stream().anyMatch(c -> c.role().isMain());
    for (CarriedChannel channel : channels) {
      if (!isSilent(channel) || current.postcopyAnnounced()) {
        return Optional.of(channel);
      }
      if (!mainIsKnown && channel.acceptedNanos() - recognisedNanos < 0) {
        boolean due = System.nanoTime() - recognisedNanos > SILENT_MAIN_GRACE.toNanos();
        return due ? Optional.of(channel) : Optional.empty();
      }
      if (channel.ageNanos() < SILENT_GRACE.toNanos()) {
        return Optional.empty();
      }
    }
    return Optional.empty();
  }

  private static boolean isSilent(CarriedChannel channel) {
    return channel.role() instanceof ChannelRole.Silent;
  }
}
