package dev.godwit.migration.proxy;

import dev.godwit.channel.identity.ChannelClassifier;
import dev.godwit.channel.identity.ChannelRole;
import dev.godwit.channel.identity.MainHead;
import dev.godwit.channel.returnpath.ReturnPathWatcher;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Shortcut;
import dev.godwit.transport.ShortcutProvider;
import dev.godwit.transport.support.ChannelReader;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One accepted connection and its twin downstream. Its fields belong to the proxy's thread except
 * where said; its two threads report through {@link Reports} only.
 */
final class CarriedChannel {
  /** Return paths carry small messages, and bitmaps of a bit a page when a postcopy recovers. */
  private static final int BACKWARD_BUFFER_BYTES = 64 * 1024;

  /** The stack of a thread that only moves bytes; 256 channels have 512 of them. */
  private static final long STACK_BYTES = 256 * 1024;

  /** What the two threads of a channel have to say. Called on those threads. */
  interface Reports {
    /** The first bytes were looked at. */
    void spoke(CarriedChannel channel, ChannelRole role);

    /** No migration begins so, or the connection died before it said anything. */
    void unrecognised(CarriedChannel channel, ChannelException why);

    void ended(CarriedChannel channel, Direction direction);

    void failed(CarriedChannel channel, Direction direction, Pump.Failure failure);
  }

  enum Direction {
    FORWARD,
    BACKWARD
  }

  /** Where the connection is on its way. */
  enum State {
    /** Accepted; nothing downstream yet. */
    WAITING,
    /** Its twin is being connected. */
    DIALLING,
    /** Both ends are joined. */
    CARRYING,
    /** Both directions have ended, or it was broken. */
    OVER
  }

  private static final Logger LOG = LoggerFactory.getLogger(CarriedChannel.class);

  private final Channel up;
  private final ChannelReader reader;
  private final Reports reports;
  private final ProxyOptions options;
  private final ShortcutProvider shortcuts;
  private final long acceptedNanos = System.nanoTime();
  private final CompletableFuture<Optional<Channel>> down = new CompletableFuture<>();
  private final Pump forward = new Pump();
  private final Pump backward = new Pump();
  private final MainTail tail = new MainTail();
  private final ReturnPathWatcher returnPath = new ReturnPathWatcher();
  private volatile @Nullable RamBridge bridge;
  private volatile MainHead head = new MainHead();
  private volatile ChannelRole role;

  State state = State.WAITING;
  boolean forwardEnded;
  boolean backwardEnded;

  CarriedChannel(Channel up, ProxyOptions options, ShortcutProvider shortcuts, Reports reports) {
    this.up = up;
    this.reader = new ChannelReader(up, ChannelClassifier.PEEK_BYTES);
    this.options = options;
    this.shortcuts = shortcuts;
    this.reports = reports;
    this.role = options.opaque() ? new ChannelRole.Opaque() : new ChannelRole.Silent();
  }

  /** Begins to look at the first bytes. */
  void start() {
    thread("forward", this::runForward);
  }

  /** Joins the twin and begins to carry. */
  void join(Channel twin) {
    state = State.CARRYING;
    down.complete(Optional.of(twin));
    thread("backward", () -> runBackward(twin));
  }

  Channel up() {
    return up;
  }

  ChannelRole role() {
    return role;
  }

  /**
   * Says what a connection must be that was joined before it spoke and then spoke nothing known.
   */
  void presume(ChannelRole other) {
    role = other;
  }

  MainHead head() {
    return head;
  }

  ReturnPathWatcher.Verdict verdict() {
    return returnPath.verdict();
  }

  MainTail tail() {
    return tail;
  }

  long ageNanos() {
    return System.nanoTime() - acceptedNanos;
  }

  long acceptedNanos() {
    return acceptedNanos;
  }

  long forwardBytes() {
    RamBridge bridging = bridge;
    return bridging == null ? forward.bytes() : bridging.bytes();
  }

  /** Whether the guest's memory is kept on its way: such a migration has one channel. */
  boolean isBridged() {
    Channel twin = down.isDone() ? down.join().orElse(null) : null;
    return twin != null && RamBridge.isNeeded(up, twin);
  }

  long backwardBytes() {
    return backward.bytes();
  }

  long forwardIdleNanos() {
    return forward.idleNanos();
  }

  /** Breaks both ends at once; never blocks. */
  void abort(Throwable cause) {
    up.abort(cause);
    if (!down.complete(Optional.empty())) {
      down.join().ifPresent(twin -> twin.abort(cause));
    }
  }

  /** Releases both ends after both threads have reported, or after an abort. */
  void close() {
    state = State.OVER;
    closeQuietly(up);
    if (!down.complete(Optional.empty())) {
      down.join().ifPresent(CarriedChannel::closeQuietly);
    }
  }

  MigrationReport.ChannelReport report() {
    Optional<Channel> twin = down.getNow(Optional.empty());
    return new MigrationReport.ChannelReport(
        role.toString(),
        peer(),
        up.info().identity(),
        twin.map(channel -> channel.info().identity()).orElse(new PeerIdentity.Unknown()),
        up.stats().unconfirmedEnd()
            || twin.map(channel -> channel.stats().unconfirmedEnd()).orElse(false),
        places(up) || twin.map(CarriedChannel::places).orElse(false),
        placedBytes(up) + twin.map(CarriedChannel::placedBytes).orElse(0L),
        forwardBytes(),
        backward.bytes(),
        Optional.ofNullable(bridge).map(RamBridge::report));
  }

  private static boolean places(Channel channel) {
    return channel.info().capabilities().placement() != Placement.INLINE;
  }

  private static long placedBytes(Channel channel) {
    return places(channel) ? channel.stats().bytesPut() + channel.stats().bytesGot() : 0;
  }

  /**
   * Who connected, as far as the transport tells: a process of this host, a name, or an address.
   */
  String peer() {
    return up.info().identity() instanceof PeerIdentity.Unknown
        ? up.info().remote().toString()
        : up.info().identity().toString();
  }

  @Override
  public String toString() {
    return "ch=" + up.info().serial() + "/" + role;
  }

  private void runForward() {
    if (!options.opaque()) {
      try {
        ChannelRole told = ChannelClassifier.classify(reader);
        if (told instanceof ChannelRole.Recovery) {
          head = MainHead.ofRecovery();
        }
        role = told;
        reports.spoke(this, told);
      } catch (ChannelException e) {
        reports.unrecognised(this, e);
      }
    }
    Optional<Channel> twin;
    try {
      twin = down.join();
    } catch (CompletionException e) {
      throw new IllegalStateException(e);
    }
    twin.ifPresent(this::carryForward);
  }

  private void carryForward(Channel sink) {
    if (!RamBridge.isNeeded(up, sink)) {
      run(Direction.FORWARD, forward, new Forward(), sink, options.bufferBytes());
      return;
    }
    Optional<ChannelException> unreadable = unreadable();
    if (unreadable.isPresent()) {
      Pump.Failure failure = new Pump.Failure(Pump.End.READING, unreadable.get());
      reports.failed(this, Direction.FORWARD, failure);
      return;
    }
    try (RamBridge made = new RamBridge(reader, sink, options.copyBytes(), this::seeForward)) {
      bridge = made;
      try {
        made.run();
        reports.ended(this, Direction.FORWARD);
      } catch (Pump.Failure e) {
        reports.failed(this, Direction.FORWARD, e);
        up.abort(e.channelFailure());
        sink.abort(e.channelFailure());
      }
    } catch (ChannelException e) {
      LOG.warn("The memory kept for {} was not released in order", this, e);
    }
  }

  /** Why a guest cannot be kept on its way that has to be; empty while that is not known. */
  Optional<ChannelException> unreadable() {
    boolean readable = role instanceof ChannelRole.Main || role instanceof ChannelRole.Silent;
    return readable || !isBridged()
        ? Optional.empty()
        : Optional.of(
            new ChannelException.Unsupported(
                "QEMU's own rdma: on one side takes a main stream that can be read on the other,"
                    + " and this is "
                    + role));
  }

  private void seeForward(ByteBuffer bytes) {
    if (role.isMain()) {
      head.see(bytes);
      tail.see(bytes);
    }
  }

  private void runBackward(Channel twin) {
    run(Direction.BACKWARD, backward, new Backward(twin), up, BACKWARD_BUFFER_BYTES);
  }

  private <T extends Pump.Source & Pump.Watcher> void run(
      Direction direction, Pump pump, T way, Channel sink, int bufferBytes) {
    Optional<Shortcut> shortcut =
        direction == Direction.FORWARD
            ? shortcuts.between(up, sink, role.isMain() ? MainTail.KEPT_BYTES : 0)
            : Optional.empty();
    try (Arena arena = Arena.ofConfined()) {
      pump.run(way, sink, arena.allocate(bufferBytes).asByteBuffer(), way, shortcut);
      reports.ended(this, direction);
    } catch (Pump.Failure e) {
      reports.failed(this, direction, e);
    } finally {
      shortcut.ifPresent(Shortcut::close);
    }
  }

  /** From the source to the destination: of a main channel, head and tail are looked at. */
  private final class Forward implements Pump.Source, Pump.Watcher {
    @Override
    public int read(ByteBuffer dst) throws ChannelException {
      return reader.read(dst);
    }

    @Override
    public boolean hasBuffered() {
      return reader.buffered().hasRemaining();
    }

    @Override
    public void see(ByteBuffer bytes) {
      seeForward(bytes);
    }

    @Override
    public boolean wantsAll() {
      return role.isMain() && !head.isComplete();
    }
  }

  /** From the destination to the source: of a main channel, all is looked at. */
  private final class Backward implements Pump.Source, Pump.Watcher {
    private final Channel twin;

    private Backward(Channel twin) {
      this.twin = twin;
    }

    @Override
    public int read(ByteBuffer dst) throws ChannelException {
      return twin.read(dst);
    }

    @Override
    public boolean hasBuffered() {
      return false;
    }

    @Override
    public void see(ByteBuffer bytes) {
      if (role.isMain()) {
        returnPath.see(bytes);
      }
    }

    @Override
    public boolean wantsAll() {
      return true;
    }
  }

  private void thread(String direction, Runnable body) {
    Thread.ofPlatform()
        .name("godwit-" + up.info().serial() + "-" + direction)
        .daemon()
        .stackSize(STACK_BYTES)
        .start(body);
  }

  private static void closeQuietly(Channel channel) {
    try {
      channel.close();
    } catch (ChannelException e) {
      // What could be lost was reported when the output was ended.
      channel.abort(e);
    }
  }
}
