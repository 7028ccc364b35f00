package dev.godwit.migration.proxy;

import dev.godwit.channel.identity.ChannelRole;
import dev.godwit.channel.returnpath.ReturnPathWatcher;
import dev.godwit.migration.proxy.CarriedChannel.Direction;
import dev.godwit.migration.proxy.CarriedChannel.State;
import dev.godwit.migration.proxy.MigrationReport.Outcome;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One migration under way: its connections in accept order, what is known of it, and its first
 * failure. Belongs to the proxy's thread, except what {@link CarriedChannel} lets any thread read.
 */
final class CarriedMigration {
  private final Dialer dialer;
  private final ProxyOptions options;
  private final List<CarriedChannel> channels = new CopyOnWriteArrayList<>();
  private final MigrationWatch watch;
  private @Nullable Throwable failure;
  private @Nullable String cause;
  private boolean broken;
  private long sourceEndedNanos;

  CarriedMigration(Dialer dialer, ProxyOptions options) {
    this.dialer = dialer;
    this.options = options;
    this.watch = new MigrationWatch(this, options.opaque());
  }

  /** What judges it. */
  MigrationWatch watch() {
    return watch;
  }

  List<CarriedChannel> channels() {
    return channels;
  }

  void add(CarriedChannel channel) {
    channels.add(channel);
  }

  Optional<CarriedChannel> main() {
    return channels.stream().filter(c -> c.role().isMain()).findFirst();
  }

  /**
   * Whether a channel may stay silent for good: only a preempt channel may, and only where postcopy
   * was announced.
   */
  boolean postcopyAnnounced() {
    return main().map(m -> m.head().postcopy()).orElse(false);
  }

  /** Whether the guest's memory is kept on its way, so that there is one channel alone. */
  boolean isBridged() {
    return channels.stream().anyMatch(CarriedChannel::isBridged);
  }

  boolean isDialling() {
    return channels.stream().anyMatch(c -> c.state == State.DIALLING);
  }

  boolean isBroken() {
    return broken;
  }

  /** Whether the destination has confirmed that it has the guest. */
  boolean isConfirmed() {
    return main().map(m -> m.verdict() == ReturnPathWatcher.Verdict.SUCCEEDED).orElse(false);
  }

  /**
   * How long ago the source ended its main channel in the middle of the stream while the
   * destination's side still stands; 0 if it has not.
   */
  long abandonedNanos() {
    boolean abandoned =
        main()
            .map(m -> m.forwardEnded && m.state == State.CARRYING && !m.tail().isEndOfDescription())
            .orElse(false);
    return abandoned ? System.nanoTime() - sourceEndedNanos : 0;
  }

  /** Whether no further connection can belong to it. */
  boolean isEnding() {
    return isBroken() || main().map(m -> m.forwardEnded || m.backwardEnded).orElse(false);
  }

  boolean isOver() {
    return !channels.isEmpty() && channels.stream().allMatch(c -> c.state == State.OVER);
  }

  /**
   * Why a connection that says it is {@code role} cannot belong to this migration: it is another
   * source's.
   *
   * @return empty if it can
   */
  Optional<String> foreign(CarriedChannel newcomer, ChannelRole role) {
    for (CarriedChannel channel : channels) {
      if (channel == newcomer) {
        continue;
      }
      ChannelRole other = channel.role();
      boolean clash =
          switch (role) {
            case ChannelRole.Main m -> other.isMain() || other instanceof ChannelRole.Tls;
            case ChannelRole.Recovery r -> other.isMain() || other instanceof ChannelRole.Tls;
            case ChannelRole.Multifd m ->
                (other instanceof ChannelRole.Multifd o
                        && (o.id() == m.id() || !o.vm().equals(m.vm())))
                    || other instanceof ChannelRole.Tls;
            case ChannelRole.Preempt p ->
                other instanceof ChannelRole.Preempt || other instanceof ChannelRole.Tls;
            case ChannelRole.Tls t -> other.isRecognised() && !(other instanceof ChannelRole.Tls);
            case ChannelRole.Silent s -> false;
            case ChannelRole.Opaque o -> false;
          };
      if (clash) {
        return Optional.of(
            "a migration is under way, and this " + role + " connection is not part of it");
      }
    }
    return Optional.empty();
  }

  /**
   * Connects one twin on a thread of its own and reports by one of the two callbacks, on that
   * thread.
   */
  void dial(CarriedChannel channel, Consumer<Channel> joined, Consumer<ChannelException> failed) {
    channel.state = State.DIALLING;
    Thread.ofPlatform()
        .name("godwit-dial")
        .daemon()
        .start(
            () -> {
              try {
                joined.accept(dialer.dial(Deadline.after(options.dial())));
              } catch (ChannelException e) {
                failed.accept(e);
              }
            });
  }

  /** Remembers what went wrong first, for the report. */
  void note(String sentence, Throwable why) {
    if (failure == null) {
      failure = why;
      cause = sentence;
    }
  }

  /**
   * Breaks every connection of this migration; those that are being dialled end when their dial
   * does.
   */
  void cut(String sentence, Throwable why) {
    note(sentence, why);
    broken = true;
    dialer.abort(why);
    for (CarriedChannel channel : channels) {
      channel.abort(why);
      if (channel.state == State.CARRYING) {
        channel.close();
      }
    }
  }

  /** Notes the orderly end of one direction. */
  void ended(CarriedChannel channel, Direction direction) {
    if (direction == Direction.FORWARD) {
      channel.forwardEnded = true;
      if (channel.role().isMain()) {
        sourceEndedNanos = System.nanoTime();
      }
    } else {
      channel.backwardEnded = true;
    }
    if (channel.forwardEnded && channel.backwardEnded && channel.state != State.OVER) {
      channel.close();
    }
  }

  /** Releases everything and says how it went. */
  MigrationReport finish() {
    for (CarriedChannel channel : channels) {
      channel.close();
    }
    try {
      dialer.close();
    } catch (ChannelException e) {
      note(e.getMessage(), e);
    }
    long oldest = channels.stream().mapToLong(CarriedChannel::ageNanos).max().orElse(0);
    Outcome outcome = outcome();
    return new MigrationReport(
        outcome,
        Optional.ofNullable(cause),
        Optional.ofNullable(failure),
        main().flatMap(m -> m.head().machine()),
        main().flatMap(m -> m.head().ram()),
        main().map(m -> m.head().returnPath()).orElse(false),
        mayHaveArrived(),
        oldest / 1e9,
        channels.stream().map(CarriedChannel::report).toList());
  }

  /**
   * Whether the destination may run the guest: it said that it has it, or it was handed all of it
   * and nobody could see any more what it made of it.
   */
  private boolean mayHaveArrived() {
    Optional<CarriedChannel> main = main();
    return isConfirmed()
        || main.map(
                m ->
                    m.verdict() == ReturnPathWatcher.Verdict.OPEN
                        && m.tail().isEndOfDescription()
                        && (failure != null || !m.head().returnPath()))
            .orElse(false);
  }

  private Outcome outcome() {
    if (isConfirmed()) {
      return Outcome.COMPLETED;
    }
    if (failure != null) {
      return mayHaveArrived() || postcopyAnnounced() ? Outcome.UNKNOWN : Outcome.FAILED;
    }
    Optional<CarriedChannel> main = main();
    if (options.opaque() || channels.stream().anyMatch(c -> c.role() instanceof ChannelRole.Tls)) {
      return Outcome.DELIVERED;
    }
    if (main.isEmpty()) {
      cause = "The source ended before its main channel said anything";
      return Outcome.FAILED;
    }
    if (main.get().head().returnPath()) {
      cause =
          main.get().verdict() == ReturnPathWatcher.Verdict.FAILED
              ? "The destination said that it failed to load the guest"
              : "The destination ended without saying that it has the guest";
      return Outcome.FAILED;
    }
    if (main.get().tail().isEndOfDescription()) {
      return Outcome.DELIVERED;
    }
    cause = "The main stream ended without its description: the source gave up, or sends none";
    return Outcome.UNKNOWN;
  }
}
