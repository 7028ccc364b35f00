package dev.godwit.migration.proxy;

import dev.godwit.channel.ram.PageEncodings;
import dev.godwit.channel.ram.PageUnits;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamDestination;
import dev.godwit.channel.ram.RamDialect;
import dev.godwit.channel.ram.RamImage;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.channel.ram.RamSectionReader;
import dev.godwit.channel.ram.RamSectionWriter;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.stream.Command;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.SectionHeader;
import dev.godwit.channel.stream.StreamCopier;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamItem;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.channel.stream.StreamReader;
import dev.godwit.channel.stream.StreamWriter;
import dev.godwit.transport.Access;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.ChannelReader;
import dev.godwit.transport.support.Closing;
import dev.godwit.transport.support.ForwardingChannel;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Carries a main stream where memory is placed unseen on either side, as QEMU's own {@code rdma:}
 * does: reads it item by item and writes it anew. Nobody tells which memory has changed, so the
 * guest's is kept twice, as it is and as it was sent, and what differs at the end of a round is
 * sent. What one side can say and the other cannot is refused with the setting to change.
 *
 * <p>One thread runs it; what it counts may be read by any.
 */
final class RamBridge implements AutoCloseable {
  /** How long a destination may take to make a block known that it has told of. */
  private static final Duration REMOTES = Duration.ofSeconds(20);

  private static final int BUFFER_BYTES = StreamOutput.DEFAULT_BUFFER_BYTES;

  private final ChannelReader reader;
  private final Source source;
  private final Sink sink;
  private final LongSupplier freeBytes;
  private final Consumer<ByteBuffer> watcher;
  private final Deque<AutoCloseable> opened = new ArrayDeque<>();
  private @Nullable StreamOutput out;
  private Optional<Configuration> configuration = Optional.empty();
  private @Nullable RamSectionReader memory;
  private @Nullable RamSectionWriter writer;
  private @Nullable RamShadow shadow;
  private long comparedAt;
  private long lastCompare;
  private Pump.@Nullable End failedEnd;

  private volatile long bytes;
  private volatile long ramBytes;
  private volatile long rounds;
  private volatile long compares;
  private volatile long compareNanos;
  private volatile long downtimeNanos;

  /**
   * @param reader of the source's channel, which stays the caller's
   * @param down to the destination; stays the caller's
   * @param freeBytes how much memory this host has to give
   * @param watcher shown what of the stream is written; must not move the buffer's position
   */
  RamBridge(
      ChannelReader reader, Channel down, LongSupplier freeBytes, Consumer<ByteBuffer> watcher) {
    this.reader = reader;
    this.source = new Source(reader.channel());
    this.sink = new Sink(down);
    this.freeBytes = freeBytes;
    this.watcher = watcher;
  }

  /** Whether a channel between them takes a bridge. */
  static boolean isNeeded(Channel up, Channel down) {
    return isSilent(up) || isSilent(down);
  }

  private static boolean isSilent(Channel channel) {
    return channel.info().capabilities().placement() == Placement.SILENT;
  }

  /** Memory of the guest and bytes of its stream that went to the destination. */
  long bytes() {
    return bytes;
  }

  BridgeReport report() {
    return new BridgeReport(ramBytes, rounds, compares, compareNanos / 1e9, downtimeNanos / 1e9);
  }

  /** Carries until the stream's end, and the source's, which it hands on; once. */
  void run() throws Pump.Failure {
    ChannelException failure = null;
    try {
      carry();
    } catch (ChannelException e) {
      failure = e;
    } catch (StreamException e) {
      failure =
          e.kind() == StreamException.Kind.TRUNCATED
              ? new ChannelException.EndedEarly(e.getMessage())
              : new ChannelException.Violated(e.getMessage());
    } catch (RuntimeException | OutOfMemoryError e) {
      failure = new ChannelException.Violated("The guest cannot be carried: " + e.getMessage());
      failure.initCause(e);
    }
    if (failure != null) {
      Pump.End end = failedEnd;
      throw new Pump.Failure(end == null ? Pump.End.READING : end, failure);
    }
  }

  /**
   * Lets go of the guest's memory. What is under way holds that up, so that a bridge that has
   * failed needs its channels aborted.
   */
  @Override
  public void close() throws ChannelException {
    Closing.all(List.copyOf(opened));
  }

  private <T extends AutoCloseable> T keep(T made) {
    opened.addFirst(made);
    return made;
  }

  private void carry() throws ChannelException, StreamException {
    StreamInput in = keep(new StreamInput(source, "main", BUFFER_BYTES));
    StreamOutput output = keep(new StreamOutput(sink, BUFFER_BYTES));
    out = output;
    StreamReader items = StreamReader.of(in);
    new StreamCopier(items, StreamWriter.of(output), this::round, item -> check(item, items, in))
        .copy();
    if (source.info().capabilities().bidirectional()) {
      requireNoMore(in);
    }
    try {
      sink.shutdownOutput();
    } catch (ChannelException.Lost e) {
      // A destination that is gone by then has missed nothing.
      failedEnd = null;
    }
  }

  /** A source that listens for an answer ends its side when it has heard it. */
  private static void requireNoMore(StreamInput in) throws ChannelException, StreamException {
    if (in.hasMore()) {
      throw in.malformed(in.offset(), "Something follows the end of the stream");
    }
  }

  // What cannot be carried.

  private void check(StreamItem item, StreamReader items, StreamInput in) throws StreamException {
    switch (item) {
      case Configuration read -> {
        configuration = Optional.of(read);
        for (String capability :
            List.of(
                Configuration.IGNORE_SHARED,
                Configuration.MAPPED_RAM,
                Configuration.HANDOVER,
                Configuration.WHOLE_PAGES)) {
          if (Configuration.demands(configuration, capability)) {
            throw in.unsupported(
                items.itemOffset(),
                "The source has " + capability + " on, which QEMU's own rdma: does not carry");
          }
        }
      }
      case Command.OpenReturnPath ignored -> {
        if (!sink.info().capabilities().bidirectional()) {
          throw in.unsupported(
              items.itemOffset(),
              "The source wants a return path, and the destination's rdma: has none: turn"
                  + " return-path off at the source, or add return-path=on to the target's address"
                  + " if the destination has it on");
        }
      }
      case Command.PostcopyAdvise(Optional<Command.PostcopyAdvise.PageSizes> sizes)
          when sizes.isPresent() && sizes.get().blocksMask() != sizes.get().targetPageBytes() ->
          throw in.unsupported(
              items.itemOffset(),
              "The source has postcopy-ram on and huge pages, which no bridge carries");
      case Command.PostcopyAdvise ignored -> {}
      case Command.Ping ignored -> {}
      case Command.SwitchoverStart ignored -> {}
      case Command other ->
          throw in.unsupported(
              items.itemOffset(),
              "The source sends "
                  + other.getClass().getSimpleName()
                  + ", and a bridge carries neither postcopy nor COLO");
      default -> {}
    }
  }

  private void requireRoom(RamTable table, StreamInput in, long offset) throws StreamException {
    long free = freeBytes.getAsLong();
    if (table.totalBytes() > free / 2) {
      throw in.mismatched(
          offset,
          "The guest has "
              + table.totalBytes()
              + " bytes of RAM, which are kept twice on their way, and "
              + free
              + " bytes may be taken here");
    }
  }

  // Rounds.

  private void round(StreamInput in, SectionHeader header)
      throws ChannelException, StreamException {
    if (header.kind() == SectionHeader.Kind.START) {
      begin(in);
      return;
    }
    RamSectionReader from = memory;
    RamSectionWriter to = writer;
    if (from == null || to == null) {
      throw in.malformed(in.offset(), "Memory comes before its table");
    }
    from.readSection();
    long arrived = System.nanoTime();
    add(1);
    boolean last = header.kind() == SectionHeader.Kind.END;
    if (last || isDue(arrived)) {
      compare(to);
    }
    to.endSection();
    if (last) {
      downtimeNanos = System.nanoTime() - arrived;
    }
  }

  /** Comparing takes no more than half of the time, however large the guest is. */
  private boolean isDue(long now) {
    return compares == 0 || now - comparedAt >= lastCompare;
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // One thread writes.
  private void add(long more) {
    rounds += more;
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // One thread writes.
  private void compare(RamSectionWriter to) throws ChannelException {
    RamShadow known = shadow;
    if (known == null) {
      return;
    }
    long began = System.nanoTime();
    known.sendChanges(to);
    comparedAt = System.nanoTime();
    lastCompare = comparedAt - began;
    compares++;
    compareNanos += lastCompare;
  }

  private void begin(StreamInput in) throws ChannelException, StreamException {
    int pageBytes = Configuration.pageBytes(configuration);
    RamImage image =
        keep(
            isSilent(source)
                ? new RamImage(Long.MAX_VALUE, pageBytes, source.info().peer())
                : new RamImage(Long.MAX_VALUE, pageBytes));
    RamSectionReader from =
        keep(
            new RamSectionReader(
                in,
                source,
                RamDialect.ANY,
                RamTable.Layout.plain(pageBytes),
                within(image),
                RamSectionReader.Marks.NONE));
    memory = from;
    from.readSection();
    RamTable table =
        from.table()
            .orElseThrow(() -> in.malformed(in.offset(), "The first section of RAM has no table"));
    ramBytes = table.totalBytes();
    RamImage sent = keep(new RamImage(Long.MAX_VALUE, pageBytes));
    RamBlocks copies = sent.create(table);
    shadow = new RamShadow(image.blocks().orElseThrow(), copies, pageBytes);
    RamSectionWriter to = keep(writer(copies, PageUnits.target(pageBytes)));
    writer = to;
    to.table(table);
    to.endSection();
  }

  private RamSectionWriter writer(RamBlocks copies, PageUnits units) throws ChannelException {
    StreamOutput output = Objects.requireNonNull(out);
    if (!isSilent(sink)) {
      return RamSectionWriter.inline(output, sink, copies, units, PageEncodings.usual());
    }
    RamRegions regions = keep(new RamRegions(copies, sink.info().peer(), Access.LOCAL));
    return RamSectionWriter.placing(
        output, sink, copies, units, PageEncodings.usual(), regions, REMOTES);
  }

  private RamDestination within(RamImage image) {
    return new RamDestination() {
      @Override
      public RamBlocks blocks(RamTable table, StreamInput in, long offset)
          throws ChannelException, StreamException {
        requireRoom(table, in, offset);
        return image.blocks(table, in, offset);
      }

      @Override
      public Region region(RamBlock block) {
        return image.region(block);
      }
    };
  }

  /** A channel between proxies carries bytes, whatever it could place. */
  private static ChannelInfo asCarried(Channel channel) {
    ChannelInfo info = channel.info();
    Capabilities can = info.capabilities();
    return isSilent(channel)
        ? info
        : info.with(
            new Capabilities(
                Placement.INLINE,
                can.protection(),
                can.manyChannels(),
                can.bidirectional(),
                can.halfClose()));
  }

  private interface Call {
    void make() throws ChannelException;
  }

  private void at(Pump.End end, Call call) throws ChannelException {
    try {
      call.make();
    } catch (ChannelException e) {
      if (failedEnd == null) {
        failedEnd = end;
      }
      throw e;
    }
  }

  /** The source's side. Before it waits for more, all that was made of what came is handed over. */
  private final class Source extends ForwardingChannel {
    private final ChannelInfo info;
    private int got;

    private Source(Channel up) {
      super(up);
      this.info = asCarried(up);
    }

    @Override
    public ChannelInfo info() {
      return info;
    }

    @Override
    public int read(ByteBuffer dst) throws ChannelException {
      handOver();
      at(Pump.End.READING, () -> got = reader.read(dst));
      return got;
    }

    @Override
    public void barrier() throws ChannelException {
      handOver();
      at(Pump.End.READING, super::barrier);
    }

    private void handOver() throws ChannelException {
      StreamOutput output = out;
      if (output != null) {
        output.flush();
      }
    }
  }

  /** The destination's side. */
  private final class Sink extends ForwardingChannel {
    private final ChannelInfo info;

    private Sink(Channel down) {
      super(down);
      this.info = asCarried(down);
    }

    @Override
    public ChannelInfo info() {
      return info;
    }

    @Override
    public void write(ByteBuffer... src) throws ChannelException {
      long length = 0;
      for (ByteBuffer buffer : src) {
        length += buffer.remaining();
        watcher.accept(buffer);
      }
      at(Pump.End.WRITING, () -> super.write(src));
      count(length);
    }

    @Override
    public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
        throws ChannelException {
      at(Pump.End.WRITING, () -> super.put(src, srcOffset, dst, dstOffset, length));
      count(length);
    }

    @Override
    public void flush() throws ChannelException {
      at(Pump.End.WRITING, super::flush);
    }

    @Override
    public void settle() throws ChannelException {
      at(Pump.End.WRITING, super::settle);
    }

    @Override
    public void barrier() throws ChannelException {
      at(Pump.End.WRITING, super::barrier);
    }

    @Override
    public void shutdownOutput() throws ChannelException {
      at(Pump.End.WRITING, super::shutdownOutput);
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // One thread writes.
    private void count(long moved) {
      bytes += moved;
    }
  }
}
