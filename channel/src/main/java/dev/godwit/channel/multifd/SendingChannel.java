package dev.godwit.channel.multifd;

import dev.godwit.channel.multifd.PageQueue.Batch;
import dev.godwit.channel.multifd.PageQueue.Mark;
import dev.godwit.channel.ram.ZeroPages;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Placement;
import dev.godwit.transport.support.Uninterruptibly;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** One multifd channel of a source, and its thread. */
final class SendingChannel implements Runnable {
  private final MultifdSender sender;
  private final MultifdSettings settings;
  private final Channel channel;
  private final int id;
  private final MultifdPacket packet;
  private final long[] zeroes;
  private final Thread thread;
  private volatile boolean ended;

  SendingChannel(MultifdSender sender, Channel channel, int id) {
    this.sender = sender;
    this.settings = sender.settings();
    this.channel = channel;
    this.id = id;
    this.packet = new MultifdPacket(settings.units());
    this.zeroes = new long[MultifdPacket.pages(settings.pageBytes())];
    this.thread = Thread.ofPlatform().daemon().name("multifd-out-" + id).unstarted(this);
  }

  void start() {
    thread.start();
  }

  void abort(Throwable cause) {
    channel.abort(cause);
  }

  void join() {
    Uninterruptibly.join(thread);
  }

  void close() throws ChannelException {
    join();
    try {
      channel.close();
    } catch (ChannelException e) {
      // After the last sync the peer may close first; what it has, its main channel tells.
      if (!ended) {
        throw e;
      }
    }
  }

  @Override
  public void run() {
    try (Arena arena = Arena.ofConfined();
        StreamOutput out = new StreamOutput(channel, bufferBytes());
        Pages pages = new Pages(settings, arena)) {
      new MultifdInit(settings.guest().orElse(MultifdSettings.NO_GUEST), id).write(out);
      out.flush();
      send(out, pages);
      end();
    } catch (MultifdException othersFailure) {
      // It has been told, and has ended this channel.
    } catch (ChannelException | RuntimeException | Error e) {
      sender.fail("Channel multifd " + id + " failed", e);
    }
  }

  /** A header and its plain pages leave at once; what is compressed goes through the buffer. */
  private int bufferBytes() {
    return settings.compression() == MultifdCompression.NONE
        ? Math.max(512, MultifdPacket.headerBytes(settings.pageBytes()))
        : StreamOutput.DEFAULT_BUFFER_BYTES;
  }

  private void send(StreamOutput out, Pages pages) throws MultifdException, ChannelException {
    PageQueue queue = sender.queue();
    for (int said = 0; ; ) {
      switch (queue.next(said)) {
        case Batch batch -> {
          send(batch, out, pages);
          queue.sent(batch);
        }
        case Mark.SYNC -> {
          sync(out);
          said++;
          queue.synced();
        }
        case Mark.END -> {
          return;
        }
      }
    }
  }

  private void send(Batch batch, StreamOutput out, Pages pages) throws ChannelException {
    PageSource source = batch.source();
    packet.fillPages(source.paddedName());
    int zero = 0;
    for (int i = 0; i < batch.count(); i++) {
      long offset = batch.offset(i);
      if (settings.zeroPagesInPackets() && pages.isZero(source, offset)) {
        zeroes[zero++] = offset;
      } else {
        packet.add(offset);
      }
    }
    for (int i = 0; i < zero; i++) {
      packet.addZero(zeroes[i]);
    }
    int bytes = pages.pack(packet, source);
    packet.endPages(settings.dialect(), settings.compression().bits(), bytes, sender.nextPacket());
    packet.write(out);
    if (settings.compression() == MultifdCompression.NONE) {
      for (int i = 0; i < packet.normalPages(); ) {
        int run = packet.run(i, source.unitBytes());
        long offset = packet.offset(i);
        long length = (long) run * source.unitBytes();
        out.put(source.local(), offset, source.remote(), offset, length);
        i += run;
      }
    } else {
      out.bytes(pages.packed());
    }
    out.flush();
    sender.count(packet.normalPages(), packet.zeroPages(), source.unitBytes());
  }

  private void sync(StreamOutput out) throws ChannelException {
    packet.fillSync(settings.dialect(), sender.nextPacket());
    packet.write(out);
    out.flush();
    if (channel.info().capabilities().placement() == Placement.INLINE) {
      channel.settle();
    } else {
      channel.barrier();
    }
  }

  /** The peer may be faster and have closed by now; it has all that matters. */
  private void end() {
    ended = true;
    try {
      channel.shutdownOutput();
    } catch (ChannelException e) {
      channel.abort(e);
    }
  }

  /** What computes over the pages of one channel. */
  private static final class Pages implements AutoCloseable {
    private final int pageBytes;
    private final @Nullable PageCompressor compressor;
    private final MemorySegment copies;
    private final ByteBuffer copied;
    private final ByteBuffer packed;

    Pages(MultifdSettings settings, Arena arena) {
      boolean plain = settings.compression() == MultifdCompression.NONE;
      this.pageBytes = settings.pageBytes();
      this.compressor = plain ? null : settings.compression().compressor(settings.level());
      this.copies = arena.allocate(plain ? 0 : MultifdPacket.MAX_PAGES_BYTES);
      this.copied = copies.asByteBuffer();
      this.packed = arena.allocate(plain ? 0 : MultifdPacket.MAX_PAYLOAD_BYTES).asByteBuffer();
    }

    boolean isZero(PageSource source, long offset) {
      return ZeroPages.isZero(source.memory(), offset, source.unitBytes());
    }

    /** Compresses a packet's pages, which may change meanwhile; returns the payload's length. */
    int pack(MultifdPacket packet, PageSource source) {
      int bytes = packet.normalPages() * source.unitBytes();
      if (compressor == null) {
        return bytes;
      }
      packed.clear();
      if (bytes > 0) {
        MemorySegment memory = source.memory();
        for (int i = 0; i < packet.normalPages(); i++) {
          MemorySegment.copy(memory, packet.offset(i), copies, (long) i * pageBytes, pageBytes);
        }
        compressor.compress(copied.clear().limit(bytes), packed);
      }
      return packed.flip().limit();
    }

    /** What {@link #pack} made. */
    ByteBuffer packed() {
      return packed;
    }

    @Override
    public void close() {
      if (compressor != null) {
        compressor.close();
      }
    }
  }
}
