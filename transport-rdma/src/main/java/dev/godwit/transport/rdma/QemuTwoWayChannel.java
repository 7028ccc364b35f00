package dev.godwit.transport.rdma;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import java.nio.ByteBuffer;

/**
 * QEMU's dialect with a return path: two connections, each of which goes one way (qemu-rdma-wire.md
 * §11). Memory and rounds belong to the one from the source.
 */
final class QemuTwoWayChannel implements Channel {
  private final Channel main;
  private final Channel reading;
  private final Channel writing;

  private QemuTwoWayChannel(Channel main, Channel reading, Channel writing) {
    this.main = main;
    this.reading = reading;
    this.writing = writing;
  }

  /** This side is the source; both channels are its own from now on. */
  static Channel ofSource(Channel main, Channel back) {
    return new QemuTwoWayChannel(main, back, main);
  }

  /** This side is the destination; both channels are its own from now on. */
  static Channel ofDestination(Channel main, Channel back) {
    return new QemuTwoWayChannel(main, main, back);
  }

  @Override
  public ChannelInfo info() {
    return main.info().with(RdmaTransport.QEMU_BOTH_WAYS);
  }

  @Override
  public int read(ByteBuffer dst) throws ChannelException {
    return reading.read(dst);
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    writing.write(src);
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    main.put(src, srcOffset, dst, dstOffset, length);
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    main.get(dst, dstOffset, length);
  }

  @Override
  public void flush() throws ChannelException {
    writing.flush();
  }

  @Override
  public void settle() throws ChannelException {
    writing.settle();
  }

  @Override
  public void barrier() throws ChannelException {
    main.barrier();
  }

  @Override
  public void shutdownOutput() throws ChannelException {
    writing.shutdownOutput();
  }

  @Override
  public void abort(Throwable cause) {
    reading.abort(cause);
    writing.abort(cause);
  }

  @Override
  public ChannelStats stats() {
    ChannelStats in = reading.stats();
    ChannelStats out = writing.stats();
    ChannelStats placed = main.stats();
    return new ChannelStats(
        in.bytesRead(),
        out.bytesWritten(),
        placed.bytesGot(),
        placed.bytesPut(),
        placed.outstandingPuts(),
        false);
  }

  @Override
  public void close() throws ChannelException {
    // The way out first: it still has something to say.
    try (Channel first = reading;
        Channel last = writing) {
      // Closes both, whatever happens to either.
    }
  }

  @Override
  public String toString() {
    return main.toString();
  }
}
