package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Peer;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.StreamRegions;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;

/** A channel that reads bytes which are given, and keeps those that are written. */
class ArrayChannel implements Channel {
  private final ByteBuffer input;
  private final int mostBytes;
  private final ByteArrayOutputStream output = new ByteArrayOutputStream();
  private final ChannelInfo info;
  private int barriers;

  ArrayChannel(byte[] input, int mostBytes, Placement placement, Peer peer) {
    this.input = ByteBuffer.wrap(input);
    this.mostBytes = mostBytes;
    this.info =
        new ChannelInfo(
            1,
            Endpoint.parse("mem:here"),
            Endpoint.parse("mem:there"),
            new PeerIdentity.Unknown(),
            new Capabilities(placement, Protection.LOCAL, true, true, true),
            peer);
  }

  /** An inline channel. */
  static ArrayChannel of(byte[] input) {
    return new ArrayChannel(input, Integer.MAX_VALUE, Placement.INLINE, new StreamRegions());
  }

  static StreamInput input(byte[] bytes) {
    return new StreamInput(of(bytes), "main");
  }

  byte[] written() {
    return output.toByteArray();
  }

  int barriers() {
    return barriers;
  }

  @Override
  public ChannelInfo info() {
    return info;
  }

  @Override
  public int read(ByteBuffer dst) {
    if (!input.hasRemaining()) {
      return -1;
    }
    int length = Math.min(mostBytes, Math.min(dst.remaining(), input.remaining()));
    dst.put(input.slice(input.position(), length));
    input.position(input.position() + length);
    return length;
  }

  @Override
  public void write(ByteBuffer... src) {
    for (ByteBuffer part : src) {
      byte[] bytes = new byte[part.remaining()];
      part.get(bytes);
      output.writeBytes(bytes);
    }
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length) {
    throw new AssertionError("Nothing is put here");
  }

  @Override
  public void get(Region dst, long dstOffset, long length) {
    throw new AssertionError("Nothing is taken here");
  }

  @Override
  public void flush() {}

  @Override
  public void settle() {}

  @Override
  public void barrier() {
    barriers++;
  }

  @Override
  public void shutdownOutput() {}

  @Override
  public void abort(Throwable cause) {}

  @Override
  public ChannelStats stats() {
    throw new AssertionError("Nobody counts");
  }

  @Override
  public void close() {}
}
