package dev.godwit.channel.multifd;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Placement;
import dev.godwit.transport.support.ChannelReader;
import dev.godwit.transport.support.Uninterruptibly;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.Optional;
import java.util.UUID;

/** One multifd channel of a destination, and its thread. */
final class ReceivingChannel implements Runnable {
  /** An id before it is known. */
  private static final int UNKNOWN = -1;

  private final MultifdReceiver receiver;
  private final MultifdSettings settings;
  private final Channel channel;
  private final StreamInput in;
  private final MultifdPacket packet;
  private final Thread thread;
  private int id = UNKNOWN;
  private volatile boolean unsynced;

  /**
   * @param number of the connection in the order of their arrival
   */
  ReceivingChannel(MultifdReceiver receiver, ChannelReader reader, int number)
      throws ChannelException {
    this.receiver = receiver;
    this.settings = receiver.settings();
    this.channel = reader.channel();
    this.in = new StreamInput(reader, "multifd connection " + number, bufferBytes(settings));
    this.packet = new MultifdPacket(settings.units());
    this.thread = Thread.ofPlatform().daemon().name("multifd-in-?").unstarted(this);
  }

  /**
   * A header is read at once and its plain payload straight from the channel; a compressed one goes
   * through the buffer.
   */
  private static int bufferBytes(MultifdSettings settings) {
    return settings.compression() == MultifdCompression.NONE
        ? Math.max(512, MultifdPacket.headerBytes(settings.pageBytes()))
        : StreamInput.DEFAULT_BUFFER_BYTES;
  }

  void start() {
    thread.start();
  }

  void abort(Throwable cause) {
    channel.abort(cause);
  }

  /** Waits for the thread, which was aborted, and closes the channel. */
  void close() throws ChannelException {
    if (thread.getState() == Thread.State.NEW) {
      in.close();
    }
    Uninterruptibly.join(thread);
    channel.close();
  }

  /** Passes unless pages came that no SYNC has followed. */
  void requireSynced() throws StreamException {
    if (unsynced) {
      throw new StreamException(
          StreamException.Kind.MALFORMED,
          "multifd " + id,
          0,
          "Pages came after the last sync, and none follows them");
    }
  }

  @Override
  public void run() {
    try (Arena arena = Arena.ofConfined()) {
      begin();
      try (PageTarget target = new PageTarget(receiver, in, arena)) {
        take(target);
      }
      receiver.gate().end(id);
    } catch (MultifdException othersFailure) {
      // It has been told, and has ended this channel.
    } catch (IOException | RuntimeException | Error e) {
      receiver.fail("Channel " + in.name() + " failed", e);
    } finally {
      in.close();
    }
  }

  private void begin() throws ChannelException, StreamException {
    long start = in.offset();
    MultifdInit init = MultifdInit.read(in);
    UUID guest = receiver.guest(init.guest());
    if (!init.guest().equals(guest)) {
      throw in.mismatched(
          start + 8, "The channel is of guest " + init.guest() + ", and the migration of " + guest);
    }
    if (init.id() >= settings.channels()) {
      throw in.mismatched(
          start + 24,
          "The channel has id " + init.id() + " of " + settings.channels() + " channels");
    }
    if (!receiver.gate().connect(init.id())) {
      throw in.malformed(start + 24, "There is a channel with id " + init.id() + " already");
    }
    id = init.id();
    in.rename("multifd " + id);
    thread.setName("multifd-in-" + id);
  }

  private void take(PageTarget target) throws IOException {
    while (in.hasMore()) {
      long start = in.offset();
      int flags = PacketHead.readFlags(in);
      if ((flags & PacketHead.DEVICE_STATE) != 0) {
        takeDeviceState(start, flags);
        continue;
      }
      packet.read(in, flags);
      if (packet.hasPages()) {
        unsynced = true;
        target.take(packet, start);
      }
      if (packet.sync()) {
        sync();
      }
    }
    if (unsynced) {
      throw new StreamException(
          StreamException.Kind.TRUNCATED,
          in.name(),
          in.offset(),
          "The channel ends after pages that no sync has followed");
    }
  }

  /** The barrier is the peer's too: it stands behind each SYNC where bytes are placed. */
  private void sync() throws ChannelException, MultifdException {
    if (channel.info().capabilities().placement() != Placement.INLINE) {
      channel.barrier();
    }
    unsynced = false;
    receiver.gate().arrive(id);
  }

  private void takeDeviceState(long start, int flags) throws IOException {
    Optional<DeviceStateSink> sink = receiver.deviceState();
    if (sink.isEmpty()) {
      throw in.unsupported(start + 8, "A device sends its state over a multifd channel");
    }
    sink.get().accept(DeviceStatePacket.read(in, flags, sink.get().limitBytes()));
  }
}
