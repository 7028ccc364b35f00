package dev.godwit.channel.session;

import dev.godwit.channel.session.wire.Limits;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.support.Ending;
import java.time.Duration;

/** Keeps one rail of the dialling side linked until the session is over; on a thread of its own. */
final class RailLoop implements Runnable {
  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);

  /** A first connection may be slow; nothing waits for it yet. */
  private static final Duration FIRST_DIAL = Duration.ofSeconds(10);

  /**
   * What a kernel sends into a black hole it sends again ever later, so a new attempt is better.
   */
  private static final Duration SHORTEST_DIAL = Duration.ofSeconds(2);

  private final Session session;
  private final Rail rail;
  private final int number;
  private volatile Ending connecting = new Ending();

  RailLoop(Session session, Rail rail, int number) {
    this.session = session;
    this.rail = rail;
    this.number = number;
  }

  /** Gives up what it waits for; any thread, never blocks. */
  void abort(Throwable cause) {
    connecting.abort(cause);
  }

  @Override
  public void run() {
    Duration pause = FIRST_PAUSE;
    int failures = 0;
    while (!session.isOver()) {
      try {
        Link link = connect(failures);
        link.run();
        failures = 0;
        pause = FIRST_PAUSE;
      } catch (Handshake.RefusedException e) {
        session.refused(number, e.refusal(), e.why());
        failures++;
      } catch (ChannelException e) {
        failures++;
        session.notLinked(number, e, failures);
      }
      if (session.awaitOver(Deadline.after(pause))) {
        return;
      }
      Duration twice = pause.multipliedBy(2);
      pause = twice.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : twice;
    }
  }

  private Link connect(int failures) throws ChannelException, Handshake.RefusedException {
    Deadline deadline = Deadline.after(patience(failures));
    Ending ending = new Ending();
    connecting = ending;
    if (session.isOver()) {
      throw new ChannelException.Aborted("The session is over", null);
    }
    try (Dialer dialer = rail.opening().open()) {
      ending.with(dialer::abort);
      Channel channel = dialer.dial(deadline);
      ending.with(channel::abort);
      Handshake handshake = new Handshake(channel);
      try (Patience patience = new Patience(channel, deadline)) {
        boolean fresh = session.isFresh();
        Limits peer = handshake.dial(session.id(), fresh, number, session.options());
        Link link = session.attach(number, channel, handshake.reader(), peer);
        connecting = new Ending();
        return link;
      } catch (ChannelException | Handshake.RefusedException | RuntimeException e) {
        channel.abort(e);
        close(channel, e);
        throw e;
      }
    }
  }

  private Duration patience(int failures) {
    if (session.isFresh()) {
      return FIRST_DIAL;
    }
    Duration detect = session.options().detectWithin();
    Duration least = detect.compareTo(SHORTEST_DIAL) > 0 ? detect : SHORTEST_DIAL;
    Duration patience = least.multipliedBy(1 + failures / 3);
    return patience.compareTo(FIRST_DIAL) > 0 ? FIRST_DIAL : patience;
  }

  private static void close(Channel channel, Exception because) {
    try {
      channel.close();
    } catch (ChannelException e) {
      because.addSuppressed(e);
    }
  }
}
