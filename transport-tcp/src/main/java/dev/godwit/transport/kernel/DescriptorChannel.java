package dev.godwit.transport.kernel;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.support.StreamRegions;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A channel whose bytes pass kernel descriptors. Placement is inline, the bytes on the wire are the
 * bytes written and put, and nothing is buffered on this side of the kernel: flush, settle and
 * barrier have nothing to do.
 *
 * <p>Reads and writes are blocking system calls on the caller's thread, straight from and to native
 * memory; once warm, they allocate nothing. Direct buffers of 256 KiB and more carry bulk data
 * best; buffers of the Java heap are copied through a stage. A virtual thread works too, and pays
 * for each wait with a platform thread.
 */
public final class DescriptorChannel implements Channel {
  /** Bounds the time a call spends inside the kernel where nothing can end it, as with files. */
  private static final long MAX_CALL_BYTES = 8L * 1024 * 1024;

  private final ChannelInfo info;
  private final @Nullable Descriptor in;
  private final @Nullable Descriptor out;
  private final Medium medium;
  private final ChannelLifecycle lifecycle;

  private final CallFrame readFrame = new CallFrame();
  private final CallFrame writeFrame = new CallFrame();
  private final BufferAddresses readAddresses = new BufferAddresses();
  private final BufferAddresses writeAddresses = new BufferAddresses();

  private final AtomicLong bytesRead = new AtomicLong();
  private final AtomicLong bytesWritten = new AtomicLong();
  private final AtomicLong bytesGot = new AtomicLong();
  private final AtomicLong bytesPut = new AtomicLong();

  private DescriptorChannel(
      ChannelInfo info, @Nullable Descriptor in, @Nullable Descriptor out, Medium medium) {
    this.info = info;
    this.in = in;
    this.out = out;
    this.medium = medium;
    this.lifecycle = new ChannelLifecycle(info.remote().toString());
  }

  /** A channel both ways; the two may be the same descriptor. */
  public static DescriptorChannel duplex(
      ChannelInfo info, Descriptor in, Descriptor out, Medium medium) {
    return new DescriptorChannel(info, in, out, medium);
  }

  /** A channel whose output has ended from the start. */
  public static DescriptorChannel reading(ChannelInfo info, Descriptor in, Medium medium) {
    return new DescriptorChannel(info, in, null, medium);
  }

  /** A channel whose input has ended from the start. */
  public static DescriptorChannel writing(ChannelInfo info, Descriptor out, Medium medium) {
    return new DescriptorChannel(info, null, out, medium);
  }

  @Override
  public ChannelInfo info() {
    return info;
  }

  @Override
  public int read(ByteBuffer dst) throws ChannelException {
    int room = dst.remaining();
    if (room == 0) {
      throw new IllegalArgumentException("There is no room in the buffer to read into");
    }
    if (dst.isReadOnly()) {
      throw new ReadOnlyBufferException();
    }
    lifecycle.requireInput();
    if (in == null) {
      return -1;
    }
    long count;
    if (dst.isDirect()) {
      try {
        long address = readAddresses.start(dst) + dst.position();
        count = in.read(readFrame, address, Math.min(room, MAX_CALL_BYTES), false);
      } finally {
        Reference.reachabilityFence(dst);
      }
    } else {
      ByteBuffer stage = readFrame.stage();
      int part = Math.min(room, stage.capacity());
      count = in.read(readFrame, readFrame.stageAddress(), part, false);
      if (count > 0) {
        dst.put(dst.position(), stage, 0, (int) count);
      }
    }
    if (count <= 0) {
      return inputEnded(count);
    }
    dst.position(dst.position() + (int) count);
    add(bytesRead, count);
    return (int) count;
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    Descriptor to = output();
    try {
      if (src.length == 1 && src[0].isDirect()) {
        ByteBuffer buffer = src[0];
        long address = writeAddresses.start(buffer) + buffer.position();
        writeAll(to, address, buffer.remaining(), bytesWritten);
        buffer.position(buffer.limit());
      } else {
        gather(to, src);
      }
    } finally {
      Reference.reachabilityFence(src);
    }
  }

  /** Direct buffers go into the vector as they are, bytes of the heap through the stage. */
  private void gather(Descriptor to, ByteBuffer[] src) throws ChannelException {
    int vectors = 0;
    int staged = 0;
    long bytes = 0;
    for (ByteBuffer buffer : src) {
      while (buffer.hasRemaining()) {
        int part = buffer.remaining();
        if (buffer.isDirect()) {
          writeFrame.setVector(vectors++, writeAddresses.start(buffer) + buffer.position(), part);
        } else {
          part = Math.min(part, CallFrame.STAGE_BYTES - staged);
          writeFrame.stage().put(staged, buffer, buffer.position(), part);
          writeFrame.setVector(vectors++, writeFrame.stageAddress() + staged, part);
          staged += part;
        }
        buffer.position(buffer.position() + part);
        bytes += part;
        if (vectors == CallFrame.MAX_VECTORS
            || bytes >= MAX_CALL_BYTES
            || staged == CallFrame.STAGE_BYTES) {
          writeVector(to, vectors);
          vectors = 0;
          staged = 0;
          bytes = 0;
        }
      }
    }
    if (vectors > 0) {
      writeVector(to, vectors);
    }
  }

  private void writeVector(Descriptor to, int vectors) throws ChannelException {
    add(bytesWritten, checkWritten(to.writeVector(writeFrame, vectors)));
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    StreamRegions.checkRange(src, srcOffset, length);
    if (dstOffset < 0 || dstOffset > Long.MAX_VALUE - length) {
      throw new IndexOutOfBoundsException(
          "There is no offset " + dstOffset + " in region " + dst.name());
    }
    MemorySegment memory = src.memory();
    BufferAddresses.requireAlive(memory);
    Descriptor to = output();
    if (!memory.isNative()) {
      putFromHeap(to, memory.asSlice(srcOffset, length));
      return;
    }
    try {
      writeAll(to, memory.address() + srcOffset, length, bytesPut);
    } finally {
      Reference.reachabilityFence(memory);
    }
  }

  private void putFromHeap(Descriptor to, MemorySegment bytes) throws ChannelException {
    MemorySegment stage = MemorySegment.ofBuffer(writeFrame.stage());
    for (long done = 0; done < bytes.byteSize(); ) {
      long part = Math.min(stage.byteSize(), bytes.byteSize() - done);
      MemorySegment.copy(bytes, done, stage, 0, part);
      writeAll(to, writeFrame.stageAddress(), part, bytesPut);
      done += part;
    }
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    StreamRegions.checkRange(dst, dstOffset, length);
    MemorySegment memory = dst.memory();
    BufferAddresses.requireAlive(memory);
    if (memory.isReadOnly()) {
      throw new IllegalArgumentException("Region " + dst.name() + " cannot be written to");
    }
    lifecycle.requireInput();
    if (!memory.isNative()) {
      getToHeap(memory.asSlice(dstOffset, length));
      return;
    }
    try {
      for (long done = 0; done < length; ) {
        done += readPart(memory.address() + dstOffset + done, length - done, length - done);
      }
    } finally {
      Reference.reachabilityFence(memory);
    }
  }

  private void getToHeap(MemorySegment bytes) throws ChannelException {
    MemorySegment stage = MemorySegment.ofBuffer(readFrame.stage());
    for (long done = 0; done < bytes.byteSize(); ) {
      long part = readPart(readFrame.stageAddress(), stage.byteSize(), bytes.byteSize() - done);
      MemorySegment.copy(stage, 0, bytes, done, part);
      done += part;
    }
  }

  /** Takes some of the {@code missing} bytes that a get still waits for. */
  private long readPart(long address, long room, long missing) throws ChannelException {
    long part = Math.min(Math.min(room, missing), MAX_CALL_BYTES);
    long count = in == null ? 0 : in.read(readFrame, address, part, true);
    if (count <= 0) {
      inputEnded(count);
      throw broken(
          new ChannelException.EndedEarly(
              info.remote()
                  + " ended "
                  + missing
                  + " bytes before the end of what it was to place"));
    }
    add(bytesGot, count);
    return count;
  }

  private void writeAll(Descriptor to, long address, long length, AtomicLong counter)
      throws ChannelException {
    for (long done = 0; done < length; ) {
      long part = Math.min(MAX_CALL_BYTES, length - done);
      checkWritten(to.write(writeFrame, address + done, part));
      add(counter, part);
      done += part;
      if (done < length) {
        lifecycle.requireOutput();
      }
    }
  }

  boolean readsSocket() {
    return in != null && in.isSocket();
  }

  boolean writesSocket() {
    return out != null && out.isSocket();
  }

  /**
   * As {@link #read}, into a pipe that is empty.
   *
   * @throws ChannelException.Unsupported if the kernel cannot do that with this socket; the channel
   *     is as it was
   */
  long spliceTo(Pipe pipe) throws ChannelException {
    lifecycle.requireInput();
    long count = in == null ? 0 : in.spliceTo(readFrame, pipe);
    if (count == -Errno.EINVAL || count == -Errno.ENOSYS) {
      throw new ChannelException.Unsupported("The kernel cannot splice from " + info.remote());
    }
    if (count <= 0) {
      return inputEnded(count);
    }
    add(bytesRead, count);
    return count;
  }

  /** As {@link #write}, the {@code length} bytes that are in a pipe. */
  void spliceFrom(Pipe pipe, long length) throws ChannelException {
    Descriptor to = output();
    long done = checkWritten(to.spliceFrom(writeFrame, pipe, length));
    add(bytesWritten, done);
  }

  @Override
  public void flush() throws ChannelException {
    lifecycle.requireInput();
  }

  @Override
  public void settle() throws ChannelException {
    lifecycle.requireInput();
  }

  @Override
  public void barrier() throws ChannelException {
    lifecycle.requireInput();
  }

  @Override
  public void shutdownOutput() throws ChannelException {
    if (lifecycle.endOutput() && out != null) {
      try {
        medium.endOutput();
      } catch (ChannelException e) {
        throw broken(e);
      }
    }
  }

  @Override
  public void abort(Throwable cause) {
    if (lifecycle.abort(cause)) {
      medium.abort();
    }
  }

  @Override
  public ChannelStats stats() {
    return new ChannelStats(
        bytesRead.get(), bytesWritten.get(), bytesGot.get(), bytesPut.get(), 0, false);
  }

  @Override
  public void close() throws ChannelException {
    boolean broken = lifecycle.state() == ChannelLifecycle.State.BROKEN;
    if (lifecycle.close()) {
      medium.close(broken, bytesWritten.get() + bytesPut.get() > 0);
    }
  }

  @Override
  public String toString() {
    return "channel " + info.serial() + " " + info.local() + " - " + info.remote();
  }

  private Descriptor output() throws ChannelException {
    lifecycle.requireOutput();
    if (out == null) {
      throw new ChannelException.Unsupported(
          "Nothing can be written to " + info.remote() + ", which is only read from");
    }
    return out;
  }

  /** The end of the input, or what went wrong instead. */
  private int inputEnded(long count) throws ChannelException {
    lifecycle.requireInput();
    if (count < 0) {
      throw broken(medium.failure(true, (int) -count));
    }
    if (in != null) {
      try {
        medium.inputEnded();
      } catch (ChannelException e) {
        throw broken(e);
      }
    }
    return -1;
  }

  private long checkWritten(long count) throws ChannelException {
    if (count < 0) {
      lifecycle.requireOutput();
      throw broken(medium.failure(false, (int) -count));
    }
    return count;
  }

  /** The first failure ends the other direction's waits too. */
  private ChannelException broken(ChannelException failure) {
    ChannelException first = lifecycle.fail(failure);
    medium.abort();
    return first;
  }

  /** One thread adds to each counter, any thread reads it. */
  private static void add(AtomicLong counter, long count) {
    counter.setRelease(counter.getPlain() + count);
  }
}
