package dev.godwit.transport.rdma;

import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Region;
import dev.godwit.transport.RegistrationStats;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.rdma.wire.Control;
import dev.godwit.transport.rdma.wire.Greeting;
import dev.godwit.transport.support.Monitor;
import dev.godwit.transport.support.StreamRegions;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Arrays;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The other side of one migration: what is registered for it, and what it made known, for all
 * channels between the two. All of them use one protection domain.
 *
 * <p>Locks are taken in this order: a channel's monitor, {@code announcing}, a region's, this
 * peer's monitor, a ledger's. So nothing here calls into a channel but for mail and nudges, which
 * take no lock.
 */
final class RdmaPeer implements Peer {
  /** Makes the domain of a device. */
  @FunctionalInterface
  interface DomainSource {
    Domain open() throws ChannelException;
  }

  private static final Duration LANDING = Duration.ofSeconds(20);

  /** How long a region that is closed waits at a time for puts to land. */
  private static final Duration STEP = Duration.ofMillis(10);

  private final UUID session;
  private final RdmaOptions options;
  private final Runnable unused;
  private final Monitor monitor = new Monitor();
  private final Object announcing = new Object();
  private final Exports exports = new Exports();
  private final TheirRegions theirs;
  private final Answers answers;
  private final Registrar registrar = new Registrar();
  private final Pins pins;
  private final Ledger sources;
  private volatile Ledger targets;
  private volatile RdmaChannel[] channels = {};

  private @Nullable Domain domain;
  private @Nullable Object device;
  private int users;
  private boolean connected;
  private volatile boolean unlimited;
  private @Nullable Throwable abortedBy;
  private final AtomicInteger closers = new AtomicInteger();

  private final AtomicLong exported = new AtomicLong();
  private final RegistrationCounts counts = new RegistrationCounts();

  /**
   * @param unused called when the last channel has left and no region is open
   */
  RdmaPeer(UUID session, RdmaOptions options, Runnable unused) {
    this.session = session;
    this.options = options;
    this.unused = unused;
    this.sources = ledger(options.ceiling(), new SourceLoader(this));
    this.targets = ledger(options.ceiling(), new TargetLoader(this));
    this.theirs = new TheirRegions(this);
    this.pins = new Pins(this, options);
    this.answers = new Answers(this, monitor, theirs, exports);
  }

  /** The peer of a QEMU whose guest comes here. */
  static RdmaPeer ofQemu(RdmaOptions options) {
    RdmaPeer peer = new RdmaPeer(UUID.randomUUID(), options, () -> {});
    peer.answeredByQemu();
    return peer;
  }

  private Ledger ledger(long ceiling, Ledger.Loader loader) {
    return new Ledger(
        ceiling, options.minChunkBytes(), options.maxChunkBytes(), loader, this::changed);
  }

  UUID session() {
    return session;
  }

  /** What this side tells a new channel's other end. */
  Greeting greeting(int channel) {
    return new Greeting(
        channel,
        session,
        options.slots(),
        options.slotBytes(),
        options.pinAll() ? Greeting.PIN_ALL : 0,
        options.ceiling());
  }

  /** What the other end told; the first time counts. */
  void greeted(Greeting greeting) {
    monitor.lock();
    try {
      if (!connected) {
        connected = true;
        targets = ledger(greeting.registrableBytes(), new TargetLoader(this));
      }
    } finally {
      monitor.unlock();
    }
  }

  /** The other end is a QEMU, which knows no ceiling and never gives a key back. */
  void answeredByQemu() {
    monitor.lock();
    try {
      connected = true;
      unlimited = true;
      targets = ledger(Long.MAX_VALUE, new TargetLoader(this));
    } finally {
      monitor.unlock();
    }
  }

  /** Whether a QEMU is at the other end, which has one channel and has it already. */
  boolean isTakenByQemu() {
    monitor.lock();
    try {
      return unlimited && users > 0;
    } finally {
      monitor.unlock();
    }
  }

  Ledger sources() {
    return sources;
  }

  Ledger targets() {
    return targets;
  }

  Exports exports() {
    return exports;
  }

  /** What becomes of the frames that concern all channels. */
  Answers answers() {
    return answers;
  }

  Registrar registrar() {
    return registrar;
  }

  // Regions of this side.

  @Override
  public Region register(String name, MemorySegment memory, Access access) {
    StreamRegions.checkedName(name);
    if (!memory.isNative()) {
      throw new IllegalArgumentException(
          "The memory of region " + name + " is on the heap, where no device can reach it");
    }
    if (!memory.isAccessibleBy(Thread.ofPlatform().unstarted(() -> {}))) {
      throw new IllegalArgumentException(
          "The memory of region " + name + " belongs to one thread and cannot be placed in");
    }
    RdmaRegion region;
    synchronized (announcing) {
      region = exports.add(this, name, memory, access, pins.fits(memory.byteSize()));
      if (region.area().preloaded) {
        pins.add(region.area().length());
      }
      if (region.isExported()) {
        announce(region);
      }
    }
    if (region.area().preloaded) {
      pin(region);
    }
    return region;
  }

  private void announce(RdmaRegion region) {
    for (RdmaChannel channel : channels) {
      region.announcement().forEach(channel::mail);
    }
  }

  /** Registers in pieces, and lets puts begin with what is registered. */
  private void pin(RdmaRegion region) {
    if (isInUse()) {
      registrar.execute(() -> pins.register(region));
    }
  }

  private boolean isInUse() {
    monitor.lock();
    try {
      return users > 0;
    } finally {
      monitor.unlock();
    }
  }

  /** Tells all channels which keys a part of a region has. */
  void announce(RdmaRegion region, RdmaRegion.Export export) {
    synchronized (announcing) {
      for (RdmaChannel channel : channels) {
        channel.mail(region.keys(export));
      }
    }
  }

  void failAll(ChannelException e) {
    for (RdmaChannel channel : channels) {
      channel.fail(e);
    }
  }

  /** This side's own region. */
  RdmaRegion own(Region region) {
    if (region instanceof RdmaRegion own && own.owner() == this) {
      return own;
    }
    throw new IllegalArgumentException(
        "Region " + region.name() + " is not registered with this migration");
  }

  /** The part of {@link RdmaRegion#close} that concerns others: nobody touches it after this. */
  void close(RdmaRegion region) throws ChannelException {
    synchronized (announcing) {
      exports.remove(region);
      if (region.isExported()) {
        for (RdmaChannel channel : channels) {
          channel.mail(new Control.Forget(region.area().id()));
        }
      }
      if (region.area().preloaded) {
        pins.remove(region.area().length());
      }
    }
    region.unexportAll();
    sources.close(region.area());
    awaitUnused(region.area());
    for (Extent extent : sources.drop(region.area())) {
      unregister(extent);
    }
    tellIfUnused();
  }

  /**
   * Lets this side's own puts land. Bounded, since a device that was removed completes nothing;
   * what is deregistered is out of its reach all the same.
   */
  private void awaitUnused(Area area) {
    Deadline deadline = Deadline.after(LANDING);
    monitor.lock();
    closers.incrementAndGet();
    try {
      while (sources.isInUse(area) && !deadline.hasPassed()) {
        // More than once: a put that was under way may hold back what it has just made.
        hurry();
        monitor.await(Deadline.after(STEP));
      }
    } finally {
      closers.decrementAndGet();
      monitor.unlock();
    }
  }

  private static void unregister(Extent extent) throws ChannelException {
    Registration registration = extent.registration();
    if (registration != null) {
      registration.close();
    }
  }

  /** The peer has got (or, negative, given back) the key of so many bytes more. */
  void countExport(long bytes) throws ChannelException {
    long now = exported.addAndGet(bytes);
    if (bytes > 0 && now > options.ceiling() && !unlimited) {
      exported.addAndGet(-bytes);
      throw new ChannelException.Violated(
          "The peer asks for keys of "
              + now
              + " bytes at a time, and was told that "
              + options.ceiling()
              + " can be registered");
    }
  }

  /** Registers memory in the domain that all channels share, and counts that. */
  Registration registered(MemorySegment memory, Domain.Rights rights) throws ChannelException {
    return counts.register(domain(), memory, rights);
  }

  private Domain domain() throws ChannelException {
    monitor.lock();
    try {
      if (domain == null) {
        throw new ChannelException.Lost("No connection is left to register memory for");
      }
      return domain;
    } finally {
      monitor.unlock();
    }
  }

  RdmaRegion ownedBy(Area area) throws ChannelException {
    return exports.named(area.id());
  }

  // Regions of the peer.

  @Override
  public RemoteRegion remote(String name, Deadline deadline) throws ChannelException {
    StreamRegions.checkedName(name);
    monitor.lock();
    try {
      while (true) {
        if (abortedBy != null) {
          throw new ChannelException.Aborted(
              "Waiting for region " + name + " was given up", abortedBy);
        }
        TheirRegion region = theirs.find(name);
        if (region != null) {
          return region;
        }
        if (connected && users == 0) {
          throw new ChannelException.Lost(
              "No connection is left over which region " + name + " could become known");
        }
        if (!monitor.await(deadline)) {
          throw new ChannelException.TimedOut("The peer did not register " + name + " in time");
        }
      }
    } finally {
      monitor.unlock();
    }
  }

  /** The peer's region. */
  TheirRegion theirs(RemoteRegion region) {
    if (region instanceof TheirRegion known && known.owner() == this) {
      return known;
    }
    throw new IllegalArgumentException(
        "Region " + region.name() + " does not belong to this migration's peer");
  }

  /** Ends what waits for a name, now and later. */
  void abort(Throwable cause) {
    monitor.lock();
    try {
      if (abortedBy == null) {
        abortedBy = cause;
        monitor.signalAll();
      }
    } finally {
      monitor.unlock();
    }
  }

  /** Sends a frame over any channel that is left; false if none is. */
  boolean send(Control control) {
    RdmaChannel[] now = channels;
    if (now.length == 0) {
      return false;
    }
    now[0].mail(control);
    return true;
  }

  /** Has all channels send what they hold back, so that what it uses gets free. */
  void hurry() {
    for (RdmaChannel channel : channels) {
      channel.hurry();
    }
  }

  private void changed() {
    for (RdmaChannel channel : channels) {
      channel.nudge();
    }
    if (closers.get() > 0) {
      monitor.lock();
      monitor.signalAll();
      monitor.unlock();
    }
  }

  // Channels.

  /**
   * The domain of a device, made by the first channel; whoever got it ends with {@link #exit}.
   *
   * @throws ChannelException.Unsupported if another channel uses another device
   */
  Domain enter(Object onDevice, DomainSource source) throws ChannelException {
    monitor.lock();
    try {
      if (domain == null) {
        domain = source.open();
        device = onDevice;
      } else if (!onDevice.equals(device)) {
        throw new ChannelException.Unsupported(
            "All channels of a migration go through one device, and this one would not: give an"
                + " address of the same device");
      }
      users++;
      return domain;
    } finally {
      monitor.unlock();
    }
  }

  /** Adds a channel, and tells its other end what is registered here. */
  void join(RdmaChannel channel) {
    boolean first;
    synchronized (announcing) {
      RdmaChannel[] more = Arrays.copyOf(channels, channels.length + 1);
      first = more.length == 1;
      more[more.length - 1] = channel;
      channels = more;
      for (RdmaRegion region : exports.open()) {
        if (region.isExported()) {
          region.announcement().forEach(channel::mail);
        }
      }
    }
    if (first) {
      for (RdmaRegion region : exports.open()) {
        if (region.area().preloaded) {
          pin(region);
        }
      }
      TargetLoader.askAgain(this);
    }
  }

  /** Takes a channel away, whose queue pair is destroyed. */
  void leave(RdmaChannel channel) throws ChannelException {
    synchronized (announcing) {
      channels = Arrays.stream(channels).filter(c -> c != channel).toArray(RdmaChannel[]::new);
    }
    TargetLoader.askAgain(this);
    exit();
  }

  /** Ends what {@link #enter} began. The last one out takes all registrations with him. */
  void exit() throws ChannelException {
    Domain last;
    monitor.lock();
    try {
      if (--users > 0) {
        return;
      }
      last = domain;
      domain = null;
      theirs.disconnected();
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
    try {
      for (RdmaRegion region : exports.open()) {
        region.unexportAll();
        for (Extent extent : sources.drop(region.area())) {
          unregister(extent);
        }
      }
      theirs.dropKeys(targets);
    } finally {
      tellIfUnused();
      if (last != null) {
        last.close();
      }
    }
  }

  private void tellIfUnused() {
    monitor.lock();
    try {
      if (users > 0 || !exports.open().isEmpty()) {
        return;
      }
    } finally {
      monitor.unlock();
    }
    unused.run();
  }

  /** Of regions that are registered whole, whether or not they are by now. */
  long pinnedBytes() {
    return pins.bytes();
  }

  @Override
  public RegistrationStats registrations() {
    return counts.stats();
  }

  RdmaStatistics statistics() {
    return counts.statistics(sources.evictions() + targets.evictions());
  }
}
