package dev.godwit.channel.session;

import dev.godwit.channel.session.wire.FrameType;
import dev.godwit.channel.session.wire.StreamState;
import dev.godwit.channel.session.wire.TalkMessage;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.support.Monitor;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The streams of one session and the links that carry them: which chunk goes over which link, and
 * what becomes of it. Everything is under {@link #lock}, which the session shares.
 */
final class Traffic {
  /** QEMU has at most 257 channels; a recovery in postcopy opens some of them again. */
  private static final int MOST_STREAMS = 1024;

  /** How far a chunk on a quick rail may be ahead of the message that opens its stream. */
  private static final int OPENED_AHEAD = 64;

  /** As little as this is waited for by somebody, and takes the quickest link. */
  private static final int LITTLE_BYTES = 16 * 1024;

  /** A damage now and then is the network's; so many in a row are something else's. */
  private static final int MOST_DAMAGED_IN_A_ROW = 16;

  /** As many small chunks as a network can damage before they come again; a bound for memory. */
  private static final int MOST_OUTSTANDING = 4096;

  private static final int MOST_REASON_CHARACTERS = 1000;

  private static final int LAST_ID = 0xFFFF;

  /** A chunk that arrived damaged and has not come again. */
  private record Wanted(int stream, long position, int length) {}

  /** What the two sides have agreed on. */
  record Agreed(int windowBytes, int chunkBytes, ChannelInfo info) {}

  final Monitor lock = new Monitor();
  private final SessionId id;
  private final boolean dialling;
  private final LongFunction<MemorySegment> memory;
  private final Runnable changed;
  private final TreeMap<Integer, Stream> streams = new TreeMap<>();
  private final List<Link> links = new ArrayList<>();
  private final Deque<Stream> sendable = new ArrayDeque<>();
  private final Deque<Chunk> lost = new ArrayDeque<>();
  private final Deque<Stream> owed = new ArrayDeque<>();
  private final Set<Wanted> wanted = new LinkedHashSet<>();

  /** What came again of streams that have been finished. */
  private final SortedMap<Integer, StreamState> late = new TreeMap<>();

  private final Set<Wanted> outstanding = new HashSet<>();
  private final Deque<Stream> opened = new ArrayDeque<>();
  private @Nullable Agreed agreed;
  private @Nullable Talk talk;
  private @Nullable ChannelException end;
  private int lastOwn;
  private int lastPeers;
  private int inside;
  private int damagedInARow;
  private long onTheWay;
  private long mostOnTheWay;
  private long bytesSent;
  private long bytesReceived;
  private long bytesAgain;
  private long damaged;

  /**
   * @param dialling which side this is; it decides which ids its own streams have
   * @param memory of the session's own, for rings
   * @param changed told, under the lock, when the session may have come to its end
   */
  Traffic(SessionId id, boolean dialling, LongFunction<MemorySegment> memory, Runnable changed) {
    this.id = id;
    this.dialling = dialling;
    this.memory = memory;
    this.changed = changed;
    this.lastOwn = dialling ? -1 : 0;
    this.lastPeers = dialling ? 0 : -1;
  }

  SessionId id() {
    return id;
  }

  /** What both sides can take is known; called once, before the first link carries anything. */
  Talk agree(Agreed with) {
    agreed = with;
    Stream first = make(0);
    Talk begun = new Talk(first, this);
    talk = begun;
    return begun;
  }

  boolean isAgreed() {
    return agreed != null;
  }

  int chunkBytes() {
    return agreed == null ? 0 : agreed.chunkBytes;
  }

  int windowBytes() {
    return agreed == null ? 0 : agreed.windowBytes;
  }

  private Talk talk() {
    return Objects.requireNonNull(talk);
  }

  private Stream make(int number) {
    Agreed with = Objects.requireNonNull(agreed);
    ChannelInfo info = with.info;
    Stream stream =
        new Stream(
            number,
            new ChannelInfo(
                ChannelLifecycle.nextSerial(),
                info.local(),
                info.remote(),
                info.identity(),
                info.capabilities(),
                info.peer()),
            new Outgoing(lock, with.windowBytes, memory),
            new Incoming(lock, with.windowBytes, memory),
            this);
    streams.put(number, stream);
    return stream;
  }

  // Somebody is in the rings.

  /** Somebody copies into or out of a ring from now on. */
  void enter() {
    inside++;
  }

  void leave() {
    inside--;
    if (inside == 0 && end != null) {
      lock.signalAll();
    }
  }

  boolean isAnybodyInside() {
    return inside > 0;
  }

  // Streams begin and end.

  /** A stream of this side's, opened at the peer. */
  Stream open() throws ChannelException {
    requireAlive();
    if (streams.size() > MOST_STREAMS || lastOwn + 2 > LAST_ID) {
      throw new ChannelException.Refused(
          "A session has at most " + MOST_STREAMS + " channels at a time");
    }
    lastOwn += 2;
    Stream stream = make(lastOwn);
    talk().say(new TalkMessage.Open(lastOwn));
    return stream;
  }

  /** The next stream that the peer opened. */
  @Nullable Stream accept() {
    return opened.pollFirst();
  }

  void ended(Stream stream) {
    if (end == null) {
      talk().say(new TalkMessage.End(stream.id, stream.out.written()));
    }
  }

  void deaf(Stream stream) {
    if (end == null && !stream.in.isWhole()) {
      talk().say(new TalkMessage.Deaf(stream.id));
      owe(stream);
    }
  }

  void broken(Stream stream, String why) {
    if (end == null && stream.id != 0) {
      talk().say(new TalkMessage.Broken(stream.id, shortened(why)));
    }
    forgetIfFinished(stream);
  }

  /** As much of a reason as the other side is told. */
  static String shortened(String why) {
    return why.length() > MOST_REASON_CHARACTERS ? why.substring(0, MOST_REASON_CHARACTERS) : why;
  }

  void closed(Stream stream) {
    forgetIfFinished(stream);
  }

  private void forgetIfFinished(Stream stream) {
    if (stream.isFinished() && streams.remove(stream.id, stream)) {
      if (stream.in.owes() && end == null) {
        owe(stream);
      }
      onTheWay -= stream.out.onTheWay();
      changed.run();
    }
  }

  /** Whether no stream of either side is left. */
  boolean isIdle() {
    return streams.size() <= 1;
  }

  /** The peer said something of a stream. */
  void said(TalkMessage message) throws ChannelException {
    switch (message) {
      case TalkMessage.Open open -> opened(open.stream());
      case TalkMessage.End last -> {
        Stream stream = known(last.stream());
        if (stream != null) {
          stream.in.end(last.position());
          forgetIfFinished(stream);
        }
      }
      case TalkMessage.Deaf deaf -> {
        Stream stream = known(deaf.stream());
        if (stream != null) {
          stream.peerIsDeaf();
        }
      }
      case TalkMessage.Broken broken -> {
        Stream stream = known(broken.stream());
        if (stream != null) {
          stream.breakWith(
              new ChannelException.Lost(
                  "The peer broke the channel off: " + Handshake.printable(broken.why())));
          forgetIfFinished(stream);
        }
      }
      case TalkMessage.Note note -> talk().noted(new Note(note.kind(), note.body()));
      case TalkMessage.Bye ignored -> {}
    }
  }

  private void opened(int number) throws ChannelException {
    if (number != lastPeers + 2 || streams.size() > MOST_STREAMS) {
      throw new ChannelException.Violated(
          "The peer opened stream " + number + " after " + lastPeers);
    }
    lastPeers = number;
    Stream stream = streams.get(number);
    opened.addLast(stream == null ? make(number) : stream);
    lock.signalAll();
  }

  /** The stream of that number; null if it has been finished. */
  private @Nullable Stream known(int number) throws ChannelException {
    if (number == 0 || number > (isOwn(number) ? lastOwn : lastPeers)) {
      throw new ChannelException.Violated("There is no stream " + number);
    }
    return streams.get(number);
  }

  // Chunks go out.

  /** So many bytes more are to be sent on that stream. */
  void ready(Stream stream, int bytes) {
    onTheWay += bytes;
    mostOnTheWay = Math.max(mostOnTheWay, onTheWay);
    if (!stream.queued && stream.out.hasUncut()) {
      stream.queued = true;
      if (stream.id == 0) {
        sendable.addFirst(stream);
      } else {
        sendable.addLast(stream);
      }
    }
    wakeLinks();
  }

  private void wakeLinks() {
    for (Link link : links) {
      link.wake();
    }
  }

  /** Fills {@code batch} with what {@code link} is to send now; nothing once it is lost. */
  void fill(Link link, Batch batch) {
    if (!links.contains(link)) {
      return;
    }
    link.fill(batch);
    if (!link.isOpen()) {
      return;
    }
    for (Stream stream = owed.peekFirst();
        stream != null && !batch.isFull();
        stream = owed.peekFirst()) {
      owed.removeFirst();
      stream.acknowledging = false;
      stream.in.told();
      batch.add(FrameType.ACK, stream.id, stream.in.held(), stream.in.taken());
    }
    for (Iterator<StreamState> all = late.values().iterator(); all.hasNext() && !batch.isFull(); ) {
      StreamState state = all.next();
      all.remove();
      batch.add(FrameType.ACK, state.stream(), state.held(), state.taken());
    }
    for (Iterator<Wanted> all = wanted.iterator(); all.hasNext() && !batch.isFull(); ) {
      Wanted again = all.next();
      all.remove();
      batch.add(FrameType.AGAIN, again.stream, again.position, again.length);
    }
    if (end == null) {
      fillChunks(link, batch);
    }
  }

  private void fillChunks(Link link, Batch batch) {
    int chunkBytes = chunkBytes();
    boolean alone = links.size() == 1;
    boolean quickest = alone || isQuickest(link);
    while (!batch.isFull() && (alone || link.mayTake())) {
      Chunk chunk = lost.pollFirst();
      if (chunk == null) {
        break;
      }
      if (chunk.link == null && !chunk.stream.out.isHeld(chunk) && isLive(chunk.stream)) {
        bytesAgain += chunk.length;
        carry(link, chunk, batch);
      }
    }
    Iterator<Stream> turn = sendable.iterator();
    List<Stream> more = new ArrayList<>();
    while (turn.hasNext() && !batch.isFull()) {
      Stream stream = turn.next();
      boolean little = stream.out.uncut() < LITTLE_BYTES;
      if (!alone && (little ? !quickest : !link.mayTake())) {
        continue;
      }
      turn.remove();
      if (isLive(stream) && stream.out.hasUncut()) {
        Chunk chunk = stream.out.cut(stream, chunkBytes);
        bytesSent += chunk.length;
        carry(link, chunk, batch);
      }
      if (isLive(stream) && stream.out.hasUncut()) {
        more.add(stream);
      } else {
        stream.queued = false;
      }
    }
    sendable.addAll(more);
  }

  private boolean isLive(Stream stream) {
    return streams.get(stream.id) == stream;
  }

  private void carry(Link link, Chunk chunk, Batch batch) {
    chunk.link = link;
    link.carries(chunk);
    batch.add(chunk);
  }

  private boolean isQuickest(Link link) {
    for (Link other : links) {
      if (other != link && other.isOpen() && other.isQuickerThan(link)) {
        return false;
      }
    }
    return true;
  }

  /** The peer says what it has of a stream. */
  void acknowledged(int number, long held, long taken) throws ChannelException {
    Stream stream = streams.get(number);
    if (stream == null) {
      if (!isAhead(number)) {
        known(number);
      } else if (held != 0 || taken != 0) {
        throw new ChannelException.Violated("The peer has bytes of a stream that nobody sent");
      }
      return;
    }
    long before = stream.out.onTheWay();
    stream.out.acknowledged(held, taken);
    onTheWay -= before - stream.out.onTheWay();
    if (number == 0) {
      talk().pump();
    }
    forgetIfFinished(stream);
    if (number == 0 && stream.out.isAllHeld()) {
      changed.run();
    }
  }

  /** The peer wants a chunk again that arrived damaged. */
  void again(int number, long position, long length) throws ChannelException {
    Stream stream = number == 0 ? streams.get(0) : known(number);
    if (stream == null) {
      return;
    }
    Chunk chunk = stream.out.find(position, length);
    if (chunk != null && chunk.link != null) {
      chunk.link = null;
      lost.addLast(chunk);
      wakeLinks();
    }
  }

  // Chunks come in.

  /**
   * The stream in which a chunk that has arrived whole is to be stored; null if it is there
   * already. Whoever gets one stores the chunk and calls {@link #stored}.
   */
  @Nullable Stream claim(int number, long position, int length) throws ChannelException {
    requireAlive();
    requireAgreed(length);
    damagedInARow = 0;
    if (!outstanding.isEmpty()) {
      outstanding.remove(new Wanted(number, position, length));
    }
    Stream stream = receiving(number);
    if (stream == null) {
      // It has been finished, so all of it came; what said so was lost.
      long end = position + length;
      late.merge(number, new StreamState(number, end, end), Traffic::further);
      wakeLinks();
      return null;
    }
    if (!stream.in.claim(position, length)) {
      owe(stream);
      return null;
    }
    enter();
    return stream;
  }

  private void requireAgreed(int length) throws ChannelException {
    if (length > chunkBytes()) {
      throw new ChannelException.Violated(
          "A chunk of " + length + " bytes came where at most " + chunkBytes() + " were agreed");
    }
  }

  private static StreamState further(StreamState one, StreamState other) {
    return one.held() > other.held() ? one : other;
  }

  private @Nullable Stream receiving(int number) throws ChannelException {
    Stream stream = streams.get(number);
    if (stream != null) {
      return stream;
    }
    if (!isAhead(number)) {
      return known(number);
    }
    if (streams.size() > MOST_STREAMS) {
      throw new ChannelException.Violated("There is no room for stream " + number);
    }
    return make(number);
  }

  /** Whether the peer may have opened that stream, and the message that says so is on its way. */
  private boolean isAhead(int number) {
    return number != 0
        && !isOwn(number)
        && number > lastPeers
        && number <= lastPeers + 2 * OPENED_AHEAD;
  }

  private boolean isOwn(int number) {
    return (number & 1) == (dialling ? 1 : 0);
  }

  void stored(Stream stream, long position, int length) {
    leave();
    long more = stream.in.stored(position);
    bytesReceived += length;
    if (more > 0) {
      if (length < LITTLE_BYTES || stream.in.owesMuch() || stream.in.isWhole()) {
        owe(stream);
      }
      forgetIfFinished(stream);
    }
  }

  /** A chunk arrived damaged; false if nobody misses it. */
  boolean damaged(int number, long position, int length) throws ChannelException {
    Stream stream = receiving(number);
    if (stream == null) {
      return false;
    }
    stream.in.requireRoom(position, length);
    if (stream.in.has(position, length)) {
      return false;
    }
    countDamage();
    Wanted again = new Wanted(number, position, length);
    outstanding.add(again);
    wanted.add(again);
    if (outstanding.size() > MOST_OUTSTANDING) {
      throw new ChannelException.Violated(
          outstanding.size() + " chunks arrived damaged and did not come again");
    }
    wakeLinks();
    return true;
  }

  /** Something arrived damaged, a chunk or what stands before one. */
  void countDamage() throws ChannelException {
    damaged++;
    damagedInARow++;
    if (damagedInARow >= MOST_DAMAGED_IN_A_ROW) {
      throw new ChannelException.Violated(
          damagedInARow + " chunks in a row arrived damaged; this is no network to trust");
    }
  }

  /** Some bytes were handed on. */
  void took(Stream stream) {
    if (stream.in.owesMuch()) {
      owe(stream);
    }
    forgetIfFinished(stream);
  }

  private void owe(Stream stream) {
    if (!stream.acknowledging) {
      stream.acknowledging = true;
      owed.addLast(stream);
      wakeLinks();
    }
  }

  /** Tells the peer now and then also what is little. */
  void oweAll() {
    for (Stream stream : streams.values()) {
      if (stream.in.owes()) {
        owe(stream);
      }
    }
  }

  // Links come and go.

  Collection<Link> links() {
    return links;
  }

  /** What this side has, for a link that begins. */
  List<StreamState> state() {
    List<StreamState> all = new ArrayList<>();
    for (Stream stream : streams.values()) {
      all.add(new StreamState(stream.id, stream.in.held(), stream.in.taken()));
    }
    return all;
  }

  void add(Link link) {
    links.add(link);
    wakeLinks();
  }

  /** A link is gone: what it carried is sent again by others; false if it was gone already. */
  boolean remove(Link link) {
    if (!links.remove(link)) {
      return false;
    }
    for (Stream stream : streams.values()) {
      Iterator<Chunk> chunks = stream.out.unacknowledged();
      while (chunks.hasNext()) {
        Chunk chunk = chunks.next();
        if (chunk.link == link) {
          chunk.link = null;
          lost.addLast(chunk);
        }
      }
      // What it was told may have been lost with the link.
      owe(stream);
    }
    wanted.clear();
    wanted.addAll(outstanding);
    link.wake();
    wakeLinks();
    return true;
  }

  // The end.

  /** Passes while the session lives. */
  void requireAlive() throws ChannelException {
    if (end != null) {
      throw new ChannelException.Aborted("The session is over: " + end.getMessage(), end);
    }
  }

  /** Nothing moves any more; each stream fails with {@code why}. */
  void end(ChannelException why) {
    end = why;
    streams.values().forEach(stream -> stream.breakWith(why));
    lock.signalAll();
    wakeLinks();
  }

  SessionStats stats(List<RailStats> rails, int outages, Duration away) {
    return new SessionStats(
        rails,
        bytesSent,
        bytesReceived,
        bytesAgain,
        damaged,
        outages,
        away,
        windowBytes(),
        mostOnTheWay);
  }
}
