package dev.godwit.migration.proxy;

import dev.godwit.channel.identity.ChannelRole;
import dev.godwit.migration.proxy.CarriedChannel.Direction;
import dev.godwit.migration.proxy.CarriedChannel.State;
import dev.godwit.transport.ChannelException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Judges the migration under way by what breaks in it and by what time brings: which end of a
 * connection is the migration's end, which a loss. Belongs to the proxy's thread.
 *
 * <p>If one connection is lost, all of the migration are broken off: a destination that lost one
 * multifd channel would wait for ever (qemu-wire.md §4.9).
 */
final class MigrationWatch {
  private static final Logger LOG = LoggerFactory.getLogger(MigrationWatch.class);

  /**
   * How long a side channel may be broken before all are: at the end destinations close them first,
   * and not always in order.
   */
  private static final Duration BROKEN_GRACE = Duration.ofMillis(300);

  /**
   * How long the main channel may have nothing to say after a side channel's source has ended,
   * before that end is taken for a loss.
   */
  private static final Duration LONE_END_GRACE = Duration.ofSeconds(2);

  /**
   * How long a destination may keep its side after the source has given up in the middle: one that
   * waits for further multifd channels never looks.
   */
  private static final Duration ABANDONED_GRACE = Duration.ofSeconds(10);

  /** How long side channels may outlive the main channel. */
  private static final Duration AFTER_MAIN = Duration.ofSeconds(5);

  private final CarriedMigration migration;
  private final boolean opaque;
  private final List<Broken> broken = new ArrayList<>();
  private boolean returnPathMissed;
  private boolean mainOver;
  private long mainOverNanos;

  private record Broken(CarriedChannel channel, String sentence, Throwable why, long sinceNanos) {}

  /**
   * @param opaque every connection is one for itself
   */
  MigrationWatch(CarriedMigration migration, boolean opaque) {
    this.migration = migration;
    this.opaque = opaque;
  }

  /** Breaks every connection of the migration. */
  void cut(String sentence, Throwable why) {
    LOG.warn("{}; all connections of this migration are broken off", sentence);
    migration.cut(sentence, why);
  }

  /** One direction of one connection has failed. */
  void failed(CarriedChannel channel, Direction direction, Pump.Failure failure) {
    ChannelException why = first(failure.channelFailure());
    boolean sourceSide = (direction == Direction.FORWARD) == (failure.end() == Pump.End.READING);
    String sentence =
        (sourceSide ? "Source side of " : "Destination side of ")
            + channel
            + ": "
            + why.getMessage();
    if (opaque) {
      LOG.warn("{}", sentence);
      migration.note(sentence, why);
    }
    if (opaque || migration.isBroken() || migration.isConfirmed()) {
      channel.abort(why);
      channel.close();
    } else if (channel.role().isMain() && !broken.isEmpty()) {
      cut(broken.getFirst().sentence(), broken.getFirst().why());
    } else if (channel.role().isMain() || isMultifdInMidStream(channel)) {
      cut(sentence, why);
    } else {
      channel.abort(why);
      channel.close();
      broken.add(new Broken(channel, sentence, why, System.nanoTime()));
    }
  }

  /** A 7.2 source whose main channel lives on after a multifd channel died may crash. */
  private boolean isMultifdInMidStream(CarriedChannel channel) {
    return channel.role() instanceof ChannelRole.Multifd && !isWholeStreamSeen();
  }

  private boolean isWholeStreamSeen() {
    return migration.main().map(m -> m.tail().isEndOfDescription()).orElse(false);
  }

  /** What broke a channel, where another of its threads only found it broken. */
  private static ChannelException first(ChannelException failure) {
    ChannelException first = failure;
    while (first instanceof ChannelException.Aborted
        && first.getCause() instanceof ChannelException earlier) {
      first = earlier;
    }
    return first;
  }

  /** Looks at what time has brought; to be called every tenth of a second or so. */
  void look() {
    sayIfNoReturnPath();
    judgeBroken();
    judgeLoneEnds();
    judgeAbandoned();
    endStragglers();
  }

  private void sayIfNoReturnPath() {
    if (returnPathMissed) {
      return;
    }
    migration
        .main()
        .filter(main -> main.head().isComplete() && !main.head().returnPath())
        .ifPresent(
            main -> {
              returnPathMissed = true;
              LOG.warn(
                  "{} opened no return path: the source will say completed while bytes are still on their way",
                  main);
            });
  }

  private void judgeBroken() {
    for (Broken side : List.copyOf(broken)) {
      if (migration.isConfirmed() || migration.isOver()) {
        broken.remove(side);
      } else if (System.nanoTime() - side.sinceNanos() > BROKEN_GRACE.toNanos()) {
        cut(side.sentence(), side.why());
      }
    }
  }

  /**
   * A multifd channel that ends while the main channel is idle in the middle of its stream has been
   * lost: a source closes all channels at its end, and a destination closes them when it has
   * everything.
   */
  private void judgeLoneEnds() {
    Optional<CarriedChannel> main = migration.main();
    if (main.isEmpty()
        || main.get().state != State.CARRYING
        || main.get().forwardEnded
        || main.get().forwardIdleNanos() < LONE_END_GRACE.toNanos()
        || migration.isBroken()) {
      return;
    }
    boolean whole = isWholeStreamSeen();
    for (CarriedChannel channel : migration.channels()) {
      boolean lost = channel.forwardEnded || (channel.backwardEnded && !whole);
      if (lost && channel.role() instanceof ChannelRole.Multifd) {
        String side = channel.forwardEnded ? "Source side of " : "Destination side of ";
        String sentence = side + channel + ": it ended while the main channel goes on";
        cut(sentence, new ChannelException.EndedEarly(sentence));
        return;
      }
    }
  }

  private void judgeAbandoned() {
    if (!migration.isBroken() && migration.abandonedNanos() > ABANDONED_GRACE.toNanos()) {
      String sentence = "The source ended in the middle of its main stream";
      cut(sentence, new ChannelException.EndedEarly(sentence));
    }
  }

  private void endStragglers() {
    if (migration.main().map(main -> main.state != State.OVER).orElse(true)) {
      return;
    }
    if (!mainOver) {
      mainOver = true;
      mainOverNanos = System.nanoTime();
    }
    if (System.nanoTime() - mainOverNanos < AFTER_MAIN.toNanos()) {
      return;
    }
    for (CarriedChannel channel : migration.channels()) {
      if (channel.state != State.OVER) {
        LOG.warn("{} outlived the main channel", channel);
        channel.abort(new ChannelException.Aborted("The main channel has ended", null));
        channel.close();
      }
    }
  }
}
