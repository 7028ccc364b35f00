package dev.godwit.channel.multifd;

import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Placement;
import dev.godwit.transport.support.ChannelReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/**
 * The multifd channels of a destination: pages arrive on all of them at once, straight in the RAM
 * blocks' memory. Channels are added as they are accepted, in any order of their ids, and belong to
 * the receiver from then on; each has a platform thread.
 *
 * <p>Whoever reads the main channel calls {@link #awaitSync} at each sync mark of the dialect, and
 * {@link #finish} when the whole stream was read. Until then a page may be half there. The first
 * failure of any channel ends all of them, and is what every later call fails with.
 */
public final class MultifdReceiver implements AutoCloseable {
  /** Silent connections cost a thread each; more than can have an id are refused at once. */
  private static final int MAX_CONNECTIONS = MultifdSettings.MAX_CHANNELS + 1;

  private final MultifdSettings settings;
  private final RamBlocks blocks;
  private final RamRegions regions;
  private final Optional<DeviceStateSink> deviceState;
  private final Consumer<MultifdException> failed;
  private final SyncGate gate;
  private final AtomicReference<Optional<UUID>> guest;
  private final List<ReceivingChannel> lines = new ArrayList<>();

  /**
   * @param regions of {@code blocks}, registered with the channels' peer; they outlive the receiver
   * @param deviceState takes what devices send; without it such a packet fails the migration
   * @param failed told once of the first failure, by the thread that met it, and not of {@link
   *     #abort}; the main channel is to be aborted then. Must not block
   */
  public MultifdReceiver(
      MultifdSettings settings,
      RamBlocks blocks,
      RamRegions regions,
      Optional<DeviceStateSink> deviceState,
      Consumer<MultifdException> failed) {
    this.settings = settings;
    this.blocks = blocks;
    this.regions = regions;
    this.deviceState = deviceState;
    this.failed = failed;
    this.gate = new SyncGate(settings.channels());
    this.guest = new AtomicReference<>(settings.guest());
  }

  /** Takes over a channel of which nothing was read. */
  public void add(Channel channel) throws ChannelException, MultifdException {
    add(new ChannelReader(channel, MultifdInit.BYTES));
  }

  /**
   * Takes over a channel whose first bytes were looked at. Returns at once; who it is and what it
   * brings is judged by its own thread.
   */
  public void add(ChannelReader reader) throws ChannelException, MultifdException {
    ReceivingChannel line;
    synchronized (lines) {
      if (lines.size() == MAX_CONNECTIONS) {
        throw new IllegalStateException("There are too many multifd connections");
      }
      line = new ReceivingChannel(this, reader, lines.size());
      lines.add(line);
    }
    if (reader.channel().info().capabilities().placement() == Placement.SILENT) {
      throw fail(
          "A multifd channel cannot be used",
          new ChannelException.Unsupported(
              "Multifd needs a transport that says where each page lands"));
    }
    line.start();
    Optional<MultifdException> before = gate.failure();
    if (before.isPresent()) {
      line.abort(before.get());
      throw before.get();
    }
  }

  /**
   * The main channel stands at a sync mark: returns when all pages that every channel brought
   * before its own are in memory, and lets the channels go on.
   *
   * @param deadline when to give up on channels that do not come to their mark
   * @throws MultifdException if a channel failed, ended or is late; all are aborted then
   */
  public void awaitSync(Deadline deadline) throws MultifdException {
    try {
      gate.release(deadline);
    } catch (ChannelException e) {
      throw fail("The multifd channels are not in step with the main channel", e);
    }
  }

  /**
   * The main channel's stream is whole, and with it this: whatever a channel does now is of no
   * interest. Nothing is expected between the last sync mark and this.
   */
  public void finish() throws MultifdException {
    try {
      synchronized (lines) {
        for (ReceivingChannel line : lines) {
          line.requireSynced();
        }
      }
      gate.finish();
    } catch (ChannelException | StreamException e) {
      throw fail("The multifd channels are not in step with the main channel", e);
    }
    abortAll(new IllegalStateException("The migration is complete"));
  }

  /** Gives all channels up; whoever waits here is told so. Any thread, never blocks. */
  public void abort(Throwable cause) {
    gate.fail(new MultifdException("The multifd channels were given up", cause));
    abortAll(cause);
  }

  /** Ends what is still going on, waits for the threads and closes the channels. */
  @Override
  public void close() throws ChannelException {
    abort(new IllegalStateException("The multifd receiver was closed"));
    List<ReceivingChannel> all;
    synchronized (lines) {
      all = List.copyOf(lines);
    }
    for (ReceivingChannel line : all) {
      line.close();
    }
  }

  /** The guest that the settings name or the channels have named, once that is known. */
  public Optional<UUID> guest() {
    return guest.get();
  }

  /** The guest of all channels: {@code named}, if nobody has said so before. */
  UUID guest(UUID named) {
    return guest.updateAndGet(known -> Optional.of(known.orElse(named))).orElseThrow();
  }

  MultifdSettings settings() {
    return settings;
  }

  RamBlocks blocks() {
    return blocks;
  }

  RamRegions regions() {
    return regions;
  }

  Optional<DeviceStateSink> deviceState() {
    return deviceState;
  }

  SyncGate gate() {
    return gate;
  }

  /** The first failure ends all; returns what came first. */
  MultifdException fail(String sentence, Throwable cause) {
    MultifdException mine = new MultifdException(sentence, cause);
    MultifdException first = gate.fail(mine).orElse(mine);
    if (first == mine && gate.failure().isPresent()) {
      abortAll(mine);
      failed.accept(mine);
    }
    return first;
  }

  private void abortAll(Throwable cause) {
    synchronized (lines) {
      for (ReceivingChannel line : lines) {
        line.abort(cause);
      }
    }
  }
}
