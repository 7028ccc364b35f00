package dev.godwit.channel.session;

import dev.godwit.channel.session.wire.Hello;
import dev.godwit.channel.session.wire.Refusal;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.support.Closing;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.Uninterruptibly;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes in sessions at one address or several, many at a time: each connection finds its session by
 * what it proves to know. As long as it is open, links of its sessions can come back; closing it
 * leaves the sessions that were taken as they are. Safe for use by many threads.
 */
public final class SessionListener implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SessionListener.class);

  /** How long a connection may take to prove what it belongs to. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** More at a time are let go: strangers hold little, but they hold a thread each. */
  private static final int MOST_GREETED = 512;

  private static final int MOST_SESSIONS = 1024;
  private static final int MOST_RAILS = 64;

  /** Those that ended last are remembered, so that a late link is told the truth. */
  private static final int MOST_REMEMBERED = 4096;

  private static final Duration AGAIN = Duration.ofMillis(100);

  private final List<Listener> listeners;
  private final SessionOptions options;
  private final Admission admission;
  private final Monitor lock = new Monitor();
  private final List<Thread> acceptors = new ArrayList<>();

  // Under the lock.
  private final Map<String, Session> sessions = new HashMap<>();
  private final Map<String, Refusal> over = new LinkedHashMap<>();
  private final Deque<Session> waiting = new ArrayDeque<>();
  private int greeted;
  private int accepting;
  private boolean closed;
  private @Nullable Throwable aborted;

  /**
   * @param listeners one a rail or more, in any order; owned by this listener from now on
   * @param options of each session, but for its name, which the dialling side gives
   * @param admission asked once for each session
   */
  public SessionListener(List<Listener> listeners, SessionOptions options, Admission admission) {
    this.listeners = List.copyOf(listeners);
    this.options = options;
    this.admission = admission;
    this.accepting = listeners.size();
    for (Listener listener : listeners) {
      acceptors.add(
          Thread.ofPlatform().daemon().name("session-accept").start(() -> acceptAll(listener)));
    }
  }

  /** Where it listens. */
  public List<Endpoint> local() {
    return listeners.stream().map(Listener::local).toList();
  }

  /**
   * The next session, which has a link already; the caller closes it.
   *
   * @throws ChannelException.TimedOut if none came by the deadline
   */
  public Session accept(Deadline deadline) throws ChannelException {
    lock.lock();
    try {
      while (true) {
        Session next = waiting.pollFirst();
        if (next != null) {
          return next;
        }
        if (aborted != null || closed || accepting == 0) {
          throw new ChannelException.Aborted("No more sessions are taken", aborted);
        }
        if (!lock.await(deadline)) {
          throw new ChannelException.TimedOut("No session came in time");
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void acceptAll(Listener listener) {
    try {
      while (true) {
        try {
          greet(listener.accept(Deadline.never()), listener);
        } catch (ChannelException.Aborted e) {
          return;
        } catch (ChannelException e) {
          LOG.warn("Could not accept a connection: {}", e.getMessage());
          if (e instanceof ChannelException.Unsupported
              || e instanceof ChannelException.Lost
              || awaitEnd(Deadline.after(AGAIN))) {
            return;
          }
        }
      }
    } finally {
      lock.lock();
      try {
        accepting--;
        lock.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  private boolean awaitEnd(Deadline deadline) {
    lock.lock();
    try {
      while (!closed && aborted == null) {
        if (!lock.await(deadline)) {
          return false;
        }
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  private void greet(Channel channel, Listener at) {
    lock.lock();
    try {
      if (greeted >= MOST_GREETED) {
        drop(channel, new ChannelException.Refused("Too many connections at a time"));
        return;
      }
      greeted++;
    } finally {
      lock.unlock();
    }
    Thread.ofPlatform().daemon().name("session-link-in").start(() -> serve(channel, at));
  }

  /** The life of one connection. */
  private void serve(Channel channel, Listener at) {
    Link link = null;
    try {
      link = admit(channel, at);
    } catch (ChannelException e) {
      LOG.warn("Refused a connection from {}: {}", channel.info().remote(), e.getMessage());
      drop(channel, e);
    } catch (RuntimeException | Error e) {
      drop(channel, e);
      throw e;
    } finally {
      lock.lock();
      try {
        greeted--;
      } finally {
        lock.unlock();
      }
    }
    if (link != null) {
      link.run();
    }
  }

  private Link admit(Channel channel, Listener at) throws ChannelException {
    Handshake handshake = new Handshake(channel);
    try (Patience patience = new Patience(channel, Deadline.after(PATIENCE))) {
      Hello hello = handshake.hello();
      Optional<No> no = refusal(hello);
      if (no.isPresent()) {
        handshake.refuse(no.get().refusal(), no.get().why());
        throw new ChannelException.Refused(no.get().why());
      }
      SessionId id = hello.fresh() ? SessionId.of(hello.id()) : known(hello).id();
      handshake.welcome(id, hello, options);
      return attach(id, hello, channel, handshake, at);
    } catch (ChannelException.Violated | ChannelException.Untrusted e) {
      tell(handshake, channel, e);
      throw e;
    }
  }

  /** Says what is wrong, and waits for a while until it was read. */
  private static void tell(Handshake handshake, Channel channel, ChannelException why) {
    try (Patience patience = new Patience(channel, Deadline.after(PATIENCE))) {
      handshake.refuse(why);
    } catch (ChannelException e) {
      why.addSuppressed(e);
    }
  }

  /** Why a hello is not answered with a welcome. */
  private record No(Refusal refusal, String why) {}

  private Optional<No> refusal(Hello hello) {
    if (hello.version() == 0) {
      return Optional.of(new No(Refusal.VERSION, "There is no version 0 of sessions"));
    }
    if (hello.rail() >= MOST_RAILS) {
      return Optional.of(new No(Refusal.FULL, "A session has at most " + MOST_RAILS + " rails"));
    }
    lock.lock();
    try {
      String locator = locator(hello);
      if (sessions.containsKey(locator)) {
        return Optional.empty();
      }
      Refusal before = over.get(locator);
      if (before != null) {
        return Optional.of(
            new No(
                before,
                before == Refusal.ENDED
                    ? "The session has ended already"
                    : "The session was given up at this side"));
      }
      if (!hello.fresh()) {
        return Optional.of(
            new No(
                Refusal.UNKNOWN,
                "There is no such session here; if this Godwit was started again, the migration has to be as well"));
      }
      if (sessions.size() >= MOST_SESSIONS) {
        return Optional.of(
            new No(Refusal.FULL, "There are " + MOST_SESSIONS + " sessions already"));
      }
    } finally {
      lock.unlock();
    }
    return admission.refusal(hello.name()).map(why -> new No(Refusal.NAME, why));
  }

  private static String locator(Hello hello) {
    return SessionId.name(hello.fresh() ? SessionId.of(hello.id()).locator() : hello.id());
  }

  private Session known(Hello hello) throws ChannelException {
    lock.lock();
    try {
      Session session = sessions.get(locator(hello));
      if (session == null) {
        throw new ChannelException.Refused("The session has just ended");
      }
      return session;
    } finally {
      lock.unlock();
    }
  }

  private Link attach(SessionId id, Hello hello, Channel channel, Handshake handshake, Listener at)
      throws ChannelException {
    String locator = SessionId.name(id.locator());
    lock.lock();
    try {
      Session session = sessions.get(locator);
      boolean first = session == null;
      if (session == null) {
        if (!hello.fresh() || closed || aborted != null) {
          throw new ChannelException.Refused("The session has just ended");
        }
        session =
            Session.accepted(id, at.local(), options.named(hello.name()), () -> forget(locator));
      }
      Link link;
      try {
        link = session.attach(hello.rail(), channel, handshake.reader(), hello.limits());
      } catch (ChannelException e) {
        if (first) {
          session.abort(e);
        }
        throw e;
      }
      if (first) {
        sessions.put(locator, session);
        waiting.addLast(session);
        lock.signalAll();
      }
      return link;
    } finally {
      lock.unlock();
    }
  }

  private void forget(String locator) {
    lock.lock();
    try {
      Session session = sessions.remove(locator);
      if (session == null) {
        return;
      }
      waiting.remove(session);
      over.put(locator, session.failure().isEmpty() ? Refusal.ENDED : Refusal.GONE);
      if (over.size() > MOST_REMEMBERED) {
        over.remove(over.keySet().iterator().next());
      }
    } finally {
      lock.unlock();
    }
  }

  private static void drop(Channel channel, Throwable why) {
    channel.abort(why);
    try {
      channel.close();
    } catch (ChannelException e) {
      LOG.debug("Closing {}", channel, e);
    }
  }

  /** Makes each accept fail, the one that waits now and later ones; any thread, never blocks. */
  public void abort(Throwable cause) {
    lock.lock();
    try {
      if (aborted == null) {
        aborted = cause;
      }
      lock.signalAll();
    } finally {
      lock.unlock();
    }
    listeners.forEach(listener -> listener.abort(cause));
  }

  /** Stops listening; idempotent. A session that nobody has taken yet is broken off. */
  @Override
  public void close() throws ChannelException {
    List<Session> unwanted;
    lock.lock();
    try {
      closed = true;
      unwanted = List.copyOf(waiting);
      waiting.clear();
      lock.signalAll();
    } finally {
      lock.unlock();
    }
    ChannelException why = new ChannelException.Aborted("The listener was closed", null);
    abort(why);
    unwanted.forEach(session -> session.abort(why));
    try {
      Closing.all(listeners);
    } finally {
      acceptors.forEach(Uninterruptibly::join);
    }
  }
}
