package dev.godwit.channel.session;

import dev.godwit.channel.ram.AnonymousMemory;
import dev.godwit.channel.session.wire.FrameType;
import dev.godwit.channel.session.wire.Limits;
import dev.godwit.channel.session.wire.Refusal;
import dev.godwit.channel.session.wire.TalkMessage;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Peer;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Placement;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.StreamRegions;
import dev.godwit.transport.support.Uninterruptibly;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A migration's way from one Godwit to another (docs/sessions.md). It is a dialer and a listener of
 * streams, each of them a channel that does not notice a lost connection, a damaged byte or a rail
 * that comes and goes.
 *
 * <pre>
 *   CONNECTING --a first link--&gt; UP --the last link lost--&gt; AWAY --a link--&gt; UP
 *        \                        \                          \
 *         \--no link at all        \--both sides said bye,    \--away for too long
 *          \                        \  a peer that lies, abort \
 *           ------------------------&gt; OVER &lt;--------------------
 * </pre>
 *
 * Closing it ends it in order once its streams are closed as well; {@link #awaitEnd} waits for
 * that. Safe for use by many threads.
 */
public final class Session implements Dialer, Listener {
  private static final Logger LOG = LoggerFactory.getLogger(Session.class);

  private static final Duration LONGEST_TICK = Duration.ofMillis(250);
  private static final Duration SHORTEST_TICK = Duration.ofMillis(10);

  /** Signs of life in the time after which a silent link is taken for dead. */
  private static final int BEATS = 4;

  /** A first link that fails for a reason that may pass is tried so often. */
  private static final int FIRST_ATTEMPTS = 3;

  private enum Phase {
    /** There has been no link yet. */
    CONNECTING,
    /** There is a link. */
    UP,
    /** There is none, and there was one. */
    AWAY,
    /** Ended in order, failed or aborted. */
    OVER
  }

  private final SessionId id;
  private final SessionOptions options;
  private final Endpoint address;
  private final Arena arena = Arena.ofShared();
  private final Traffic traffic;
  private final Monitor lock;

  /** For the keeper alone. */
  private final Monitor news;

  private final List<RailLoop> loops = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();
  private final Runnable whenOver;
  private final StreamRegions regions = new StreamRegions();
  private final Thread keeper;
  private final long startNanos = System.nanoTime();

  // Under the lock.
  private final TreeMap<Integer, RailAccount> accounts = new TreeMap<>();
  private final Map<Integer, ChannelException> firstFailures = new TreeMap<>();
  private final Deque<SessionEvent> events = new ArrayDeque<>();
  private SessionWatcher watcher = SessionWatcher.none();
  private Phase phase = Phase.CONNECTING;
  private PeerIdentity identity = new PeerIdentity.Unknown();
  private @Nullable Talk talk;
  private @Nullable ChannelException failure;
  private @Nullable ByteBuffer farewell;
  private int peerDetectMillis;
  private String lastTry = "";
  private long awayNanos = startNanos;
  private long awayBefore;
  private int outages;
  private boolean closed;
  private boolean saidBye;
  private boolean heardBye;
  private boolean ended;

  private Session(
      SessionId id, boolean dialling, Endpoint address, SessionOptions options, Runnable whenOver) {
    this.id = id;
    this.options = options;
    this.address = address;
    this.whenOver = whenOver;
    this.traffic =
        new Traffic(id, dialling, bytes -> AnonymousMemory.allocate(bytes, arena), this::mayEnd);
    this.lock = traffic.lock;
    this.news = lock.sibling();
    this.keeper = Thread.ofPlatform().daemon().name("session-" + id).unstarted(this::keep);
  }

  /**
   * Begins a session with the Godwit at the end of {@code rails}, of which there is at least one;
   * returns at once. {@link #connect} waits for it, and so does {@link #dial}.
   */
  public static Session dialling(List<Rail> rails, SessionOptions options) {
    Session session =
        new Session(SessionId.random(), true, rails.getFirst().target(), options, () -> {});
    for (int number = 0; number < rails.size(); number++) {
      Rail rail = rails.get(number);
      session.accounts.put(number, new RailAccount(number, rail.target().toString()));
      RailLoop loop = new RailLoop(session, rail, number);
      session.loops.add(loop);
      session.threads.add(
          Thread.ofPlatform()
              .daemon()
              .name("session-" + session.id + "-rail-" + number)
              .unstarted(loop));
    }
    session.keeper.start();
    session.threads.forEach(Thread::start);
    return session;
  }

  /** The accepting side of a session, whose first link is about to be attached. */
  static Session accepted(
      SessionId id, Endpoint address, SessionOptions options, Runnable whenOver) {
    Session session = new Session(id, false, address, options, whenOver);
    session.keeper.start();
    return session;
  }

  SessionId id() {
    return id;
  }

  SessionOptions options() {
    return options;
  }

  /** Nanoseconds since the session began here; never negative. */
  long clock() {
    return System.nanoTime() - startNanos;
  }

  /** What the dialling side calls its guest; empty if it gave no name. */
  public String name() {
    return options.name();
  }

  /** Who is at the other end, as the first link's provider knows it. */
  public PeerIdentity identity() {
    lock.lock();
    try {
      return identity;
    } finally {
      lock.unlock();
    }
  }

  /** Whom to tell what happens from now on. */
  public void watch(SessionWatcher by) {
    lock.lock();
    try {
      watcher = by;
    } finally {
      lock.unlock();
    }
  }

  // A dialer and a listener.

  /**
   * Returns once there is a link.
   *
   * @throws ChannelException.TimedOut if there is none by the deadline; trying goes on
   */
  public void connect(Deadline deadline) throws ChannelException {
    lock.lock();
    try {
      while (phase == Phase.CONNECTING) {
        if (!lock.await(deadline) && phase == Phase.CONNECTING) {
          throw new ChannelException.TimedOut("The other Godwit could not be reached in time");
        }
      }
      requireAlive();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Endpoint target() {
    return address;
  }

  @Override
  public Endpoint local() {
    return address;
  }

  @Override
  public Peer peer() {
    return regions;
  }

  /** A further stream; while the network is away, it is made known when it is back. */
  @Override
  public Channel dial(Deadline deadline) throws ChannelException {
    connect(deadline);
    lock.lock();
    try {
      requireAlive();
      if (closed) {
        throw new ChannelException.Aborted("The session is closed", null);
      }
      return traffic.open();
    } finally {
      lock.unlock();
    }
  }

  /** The next stream that the other side has opened. */
  @Override
  public Channel accept(Deadline deadline) throws ChannelException {
    lock.lock();
    try {
      while (true) {
        Stream stream = traffic.accept();
        if (stream != null) {
          return stream;
        }
        requireAlive();
        if (closed || heardBye) {
          throw new ChannelException.Aborted("The session has come to its end", null);
        }
        if (!lock.await(deadline)) {
          throw new ChannelException.TimedOut("No channel came in time");
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void requireAlive() throws ChannelException {
    if (phase != Phase.OVER) {
      return;
    }
    if (failure != null) {
      throw failure;
    }
    throw new ChannelException.Aborted("The session has ended", null);
  }

  // What the two ends tell each other.

  /** Tells the other side's user something; it arrives, or the session fails. */
  public void tell(Note note) throws ChannelException {
    connect(Deadline.never());
    lock.lock();
    try {
      requireAlive();
      Objects.requireNonNull(talk).say(new TalkMessage.Note(note.kind(), note.body()));
    } finally {
      lock.unlock();
    }
  }

  /**
   * What the other side's user says next.
   *
   * @throws ChannelException.TimedOut if nothing was said by the deadline
   */
  public Note hear(Deadline deadline) throws ChannelException {
    connect(deadline);
    lock.lock();
    try {
      Note note = Objects.requireNonNull(talk).awaitNote(deadline);
      if (note == null) {
        throw new ChannelException.TimedOut("The other side said nothing in time");
      }
      return note;
    } finally {
      lock.unlock();
    }
  }

  // How it is.

  /** Whether there was a link and there is none now. */
  public boolean isAway() {
    lock.lock();
    try {
      return phase == Phase.AWAY;
    } finally {
      lock.unlock();
    }
  }

  /** Whether some link has heard from the other side just now. */
  public boolean isSteady() {
    long recent = options.detectWithin().toNanos() / 2;
    lock.lock();
    try {
      return phase == Phase.UP
          && traffic.links().stream().anyMatch(l -> l.isOpen() && l.silentNanos() < recent);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns once a question asked now has been answered over some link.
   *
   * @throws ChannelException.TimedOut if it was not by the deadline
   */
  public void prove(Deadline deadline) throws ChannelException {
    lock.lock();
    try {
      long asked = clock();
      traffic.links().forEach(link -> link.beat(0));
      while (traffic.links().stream().noneMatch(link -> link.hasEchoed(asked))) {
        requireAlive();
        if (!lock.await(deadline)) {
          throw new ChannelException.TimedOut("The network did not answer in time");
        }
      }
    } finally {
      lock.unlock();
    }
  }

  public SessionStats stats() {
    lock.lock();
    try {
      long now = phase == Phase.AWAY ? System.nanoTime() - awayNanos : 0;
      return traffic.stats(
          accounts.values().stream().map(RailAccount::stats).toList(),
          outages,
          Duration.ofNanos(awayBefore + now));
    } finally {
      lock.unlock();
    }
  }

  /** Why it failed; empty while it has not. */
  public Optional<ChannelException> failure() {
    lock.lock();
    try {
      return Optional.ofNullable(failure);
    } finally {
      lock.unlock();
    }
  }

  boolean isOver() {
    lock.lock();
    try {
      return phase == Phase.OVER;
    } finally {
      lock.unlock();
    }
  }

  /** Whether there has been no link yet. */
  boolean isFresh() {
    lock.lock();
    try {
      return !traffic.isAgreed();
    } finally {
      lock.unlock();
    }
  }

  // Links come and go.

  /**
   * A connection has proven to belong to this session; it takes part from now on. A link that the
   * rail has had before is given up for it.
   */
  Link attach(int rail, Channel channel, FrameReader reader, Limits peer) throws ChannelException {
    lock.lock();
    try {
      requireAlive();
      ChannelInfo info = channel.info();
      if (!traffic.isAgreed()) {
        identity = info.identity();
        begin(info, peer);
      } else if (identity instanceof PeerIdentity.Named && !identity.equals(info.identity())) {
        throw new ChannelException.Untrusted(
            "The other end is " + info.identity() + ", and the session is with " + identity);
      }
      for (Link before : List.copyOf(traffic.links())) {
        if (before.rail == rail) {
          before.abort(new ChannelException.Lost("Another connection took its place"));
        }
      }
      Link link = new Link(rail, channel, reader, this, traffic);
      link.begin();
      return link;
    } finally {
      lock.unlock();
    }
  }

  private void begin(ChannelInfo info, Limits peer) {
    peerDetectMillis = peer.detectMillis();
    Capabilities capabilities =
        new Capabilities(Placement.INLINE, info.capabilities().protection(), true, true, true);
    ChannelInfo streams =
        new ChannelInfo(
            info.serial(), info.local(), info.remote(), identity, capabilities, regions);
    Talk begun =
        traffic.agree(
            new Traffic.Agreed(
                Math.min(options.windowBytes(), peer.windowBytes()),
                Math.min(Handshake.CHUNK_BYTES, peer.chunkBytes()),
                streams));
    talk = begun;
    Thread.ofPlatform().daemon().name("session-" + id + "-talk").start(() -> begun.listen(this));
  }

  /** A link is of use from now on. */
  void joined(Link link) {
    lock.lock();
    try {
      if (phase == Phase.OVER || !traffic.links().contains(link)) {
        return;
      }
      account(link).joined(link);
      if (phase == Phase.AWAY) {
        long nanos = System.nanoTime() - awayNanos;
        awayBefore += nanos;
        report(new SessionEvent.Back(Duration.ofNanos(nanos)));
      }
      phase = Phase.UP;
      report(new SessionEvent.RailJoined(link.rail, link.address()));
      LOG.debug("Session {}: {} is linked", id, link);
      lock.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** A link is gone. */
  void lost(Link link, Throwable cause) {
    lock.lock();
    try {
      if (!traffic.remove(link)) {
        return;
      }
      String why = cause.getMessage() == null ? cause.toString() : cause.getMessage();
      lock.signalAll();
      if (!link.isOpen() && phase != Phase.OVER) {
        lastTry = why;
      }
      if (phase == Phase.OVER || !link.isOpen()) {
        return;
      }
      account(link).lost(link);
      LOG.info("Session {}: {} was lost: {}", id, link, why);
      if (saidBye && heardBye) {
        finish(null);
      } else if (traffic.links().stream().noneMatch(Link::isOpen)) {
        phase = Phase.AWAY;
        awayNanos = System.nanoTime();
        outages++;
        lastTry = "";
        report(new SessionEvent.Away(why));
      } else {
        report(new SessionEvent.RailLost(link.rail, link.address(), why));
      }
    } finally {
      lock.unlock();
    }
  }

  private RailAccount account(Link link) {
    return accounts.computeIfAbsent(link.rail, number -> new RailAccount(number, link.address()));
  }

  /** Payload has passed a link; under the lock. */
  void carried(Link link, long sent, long received) {
    account(link).carried(sent, received);
  }

  /** A rail could not be linked. */
  void notLinked(int rail, ChannelException why, int failures) {
    lock.lock();
    try {
      lastTry = why.getMessage();
      if (phase != Phase.CONNECTING) {
        LOG.debug("Session {}: rail {} is not linked: {}", id, rail, why.getMessage());
        return;
      }
      boolean mayPass =
          why instanceof ChannelException.Lost || why instanceof ChannelException.EndedEarly;
      if (!mayPass || failures >= FIRST_ATTEMPTS) {
        firstFailures.putIfAbsent(rail, why);
      }
      if (firstFailures.size() == loops.size()) {
        finish(firstFailures.values().iterator().next());
      }
    } finally {
      lock.unlock();
    }
  }

  /** The other side does not want a link. */
  void refused(int rail, Refusal refusal, String why) {
    lock.lock();
    try {
      if (refusal == Refusal.ENDED && saidBye) {
        finish(null);
        return;
      }
      ChannelException refused = new ChannelException.Refused("The other Godwit refused: " + why);
      boolean forGood =
          refusal == Refusal.UNKNOWN || refusal == Refusal.ENDED || refusal == Refusal.GONE;
      if (phase == Phase.CONNECTING) {
        notLinked(rail, refused, FIRST_ATTEMPTS);
      } else if (forGood) {
        finish(refused);
      } else {
        lastTry = refused.getMessage();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Waits until the session is over, or the deadline has passed; true if it is. */
  boolean awaitOver(Deadline deadline) {
    lock.lock();
    try {
      while (phase != Phase.OVER) {
        if (!lock.await(deadline)) {
          return phase == Phase.OVER;
        }
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  // What is said of streams.

  /** The other side said something on stream 0. */
  void said(TalkMessage message) throws ChannelException {
    lock.lock();
    try {
      if (phase == Phase.OVER) {
        // A stream that it opens now would be ended by nobody.
        return;
      }
      if (message instanceof TalkMessage.Bye) {
        heardBye = true;
        lock.signalAll();
      } else {
        traffic.said(message);
      }
      mayEnd();
    } finally {
      lock.unlock();
    }
  }

  // The end.

  /** Ends the session in order as far as that is due; under the lock. */
  private void mayEnd() {
    if (phase == Phase.OVER || !closed) {
      return;
    }
    if (!traffic.isAgreed()) {
      finish(new ChannelException.Aborted("The session was closed before it began", null));
      return;
    }
    Talk ours = Objects.requireNonNull(talk);
    if (!saidBye && traffic.isIdle()) {
      saidBye = true;
      ours.say(new TalkMessage.Bye());
    }
    if (saidBye && heardBye && ours.isAllHeld()) {
      finish(null);
    }
  }

  /** Ends it in order once its streams are closed; idempotent, and does not wait. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      for (Stream stream = traffic.accept(); stream != null; stream = traffic.accept()) {
        stream.dismiss();
      }
      mayEnd();
      lock.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Breaks it off, and tells the other side if it can. */
  @Override
  public void abort(Throwable cause) {
    String why = cause.getMessage();
    lock.lock();
    try {
      if (phase != Phase.OVER) {
        farewell(why == null ? cause.getClass().getSimpleName() : why);
        finish(new ChannelException.Aborted("The session was broken off: " + why, cause));
      }
    } finally {
      lock.unlock();
    }
  }

  /** It cannot go on: one of the two ends is at fault. */
  void fail(ChannelException why) {
    lock.lock();
    try {
      if (phase != Phase.OVER) {
        farewell(why.getMessage());
        finish(why);
      }
    } finally {
      lock.unlock();
    }
  }

  private void farewell(String why) {
    farewell = ByteBuffer.wrap(Traffic.shortened(why).getBytes(StandardCharsets.UTF_8));
  }

  /** What each link says last, if anything; under the lock. */
  boolean sayFarewell(Batch batch) {
    if (farewell == null) {
      return false;
    }
    batch.add(FrameType.GONE, 0, 0, 0, farewell.duplicate());
    return true;
  }

  private void finish(@Nullable ChannelException why) {
    phase = Phase.OVER;
    failure = why;
    traffic.end(why == null ? new ChannelException.Aborted("The session has ended", null) : why);
    lock.signalAll();
    news.signalAll();
  }

  /**
   * Waits until all that was said has arrived, and everything is released.
   *
   * @return false if that had not come by the deadline
   */
  public boolean awaitEnd(Deadline deadline) {
    lock.lock();
    try {
      while (!ended) {
        if (!lock.await(deadline)) {
          return ended;
        }
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Has the watcher told; under the lock. */
  void report(SessionEvent event) {
    events.addLast(event);
    news.signalAll();
  }

  // The keeper.

  private void keep() {
    while (look()) {
      dispatch();
    }
    dispatch();
    release();
  }

  /** Waits a little and does what only time brings; false once the session is over. */
  private boolean look() {
    lock.lock();
    try {
      if (phase == Phase.OVER) {
        return false;
      }
      long interval = interval();
      for (Link link : List.copyOf(traffic.links())) {
        if (link.silentNanos() > options.detectWithin().toNanos()) {
          link.abort(
              new ChannelException.Lost("Nothing came for " + seconds(options.detectWithin())));
        }
        link.beat(interval);
      }
      traffic.oweAll();
      if (isMissed() && System.nanoTime() - awayNanos > options.resumeWithin().toNanos()) {
        goneForGood();
        return false;
      }
      if (events.isEmpty()) {
        news.await(Deadline.after(tick(interval)));
      }
      return phase != Phase.OVER;
    } finally {
      lock.unlock();
    }
  }

  /** Whether nothing can be done but wait for the other side to come. */
  private boolean isMissed() {
    return phase == Phase.AWAY || (phase == Phase.CONNECTING && loops.isEmpty());
  }

  private void goneForGood() {
    if (saidBye) {
      // Nothing is lost with a peer that has everything.
      finish(null);
      return;
    }
    finish(
        new ChannelException.Lost(
            "The network was away for "
                + seconds(options.resumeWithin())
                + (lastTry.isEmpty() ? "" : " (the last attempt: " + lastTry + ")")));
  }

  private static String seconds(Duration duration) {
    long millis = duration.toMillis();
    return millis % 1000 == 0 ? millis / 1000 + " s" : millis / 1000.0 + " s";
  }

  private long interval() {
    long millis = options.detectWithin().toMillis();
    long both = peerDetectMillis == 0 ? millis : Math.min(millis, peerDetectMillis);
    return TimeUnit.MILLISECONDS.toNanos(both) / BEATS;
  }

  private static Duration tick(long interval) {
    Duration tick = Duration.ofNanos(interval / 2);
    if (tick.compareTo(SHORTEST_TICK) < 0) {
      return SHORTEST_TICK;
    }
    return tick.compareTo(LONGEST_TICK) > 0 ? LONGEST_TICK : tick;
  }

  private void dispatch() {
    while (true) {
      SessionEvent event;
      SessionWatcher to;
      lock.lock();
      try {
        event = events.pollFirst();
        to = watcher;
      } finally {
        lock.unlock();
      }
      if (event == null) {
        return;
      }
      try {
        to.on(event);
      } catch (RuntimeException e) {
        LOG.warn("Session {}: a watcher failed", id, e);
      }
    }
  }

  /** Lets the last words go out, and gives everything back. */
  private void release() {
    whenOver.run();
    ChannelException over = new ChannelException.Aborted("The session is over", failure);
    loops.forEach(loop -> loop.abort(over));
    Deadline farewellEnds = Deadline.after(Link.FAREWELL);
    lock.lock();
    try {
      while (!traffic.links().isEmpty() && lock.await(farewellEnds)) {
        // The writers end, then the peer closes.
      }
      traffic.links().forEach(link -> link.abort(over));
      while (!traffic.links().isEmpty() || traffic.isAnybodyInside()) {
        lock.await();
      }
    } finally {
      lock.unlock();
    }
    threads.forEach(Uninterruptibly::join);
    arena.close();
    lock.lock();
    try {
      ended = true;
      lock.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public String toString() {
    return "session " + id + " with " + address;
  }
}
