package dev.godwit.transport.memory;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.Monitor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** A bounded pipe: put bytes are bytes of the stream, in their place. */
final class PipeLane implements Lane {
  private final Monitor monitor = new Monitor();
  private final MemorySegment ring;
  private final long capacity;

  private long start;
  private long count;
  private boolean writing;
  private boolean ended;
  private boolean deaf;
  private @Nullable String severed;

  PipeLane(int capacityBytes) {
    capacity = capacityBytes;
    ring = MemorySegment.ofArray(new byte[capacityBytes]);
  }

  @Override
  public void write(MemorySegment src) throws ChannelException {
    monitor.lock();
    writing = true;
    try {
      for (long done = 0; done < src.byteSize(); ) {
        awaitRoom();
        long end = (start + count) % capacity;
        long part = Math.min(src.byteSize() - done, Math.min(capacity - count, capacity - end));
        MemorySegment.copy(src, done, ring, end, part);
        count += part;
        done += part;
        monitor.signalAll();
      }
    } finally {
      writing = false;
      monitor.unlock();
    }
  }

  private void awaitRoom() throws ChannelException {
    while (true) {
      requireWhole();
      if (deaf || ended) {
        throw new ChannelException.Lost("The peer closed the connection");
      }
      if (count < capacity) {
        return;
      }
      monitor.await();
    }
  }

  @Override
  public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length)
      throws ChannelException {
    write(src.memory().asSlice(srcOffset, length));
  }

  @Override
  public void flush() {}

  @Override
  public void settle() {}

  @Override
  public void end() throws ChannelException {
    monitor.lock();
    try {
      if (count > 0) {
        requireWhole();
      }
      if (writing && severed == null) {
        severed = "The peer closed the connection in the middle of a write";
      }
      ended = true;
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public long outstandingPuts() {
    return 0;
  }

  @Override
  public long read(MemorySegment dst) throws ChannelException {
    monitor.lock();
    try {
      while (count == 0) {
        requireWhole();
        requireHearing();
        if (ended) {
          return -1;
        }
        monitor.await();
      }
      requireWhole();
      requireHearing();
      long part = Math.min(dst.byteSize(), Math.min(count, capacity - start));
      MemorySegment.copy(ring, ValueLayout.JAVA_BYTE, start, dst, ValueLayout.JAVA_BYTE, 0, part);
      start = (start + part) % capacity;
      count -= part;
      monitor.signalAll();
      return part;
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void get(Region dst, long dstOffset, long length) throws ChannelException {
    MemorySegment memory = dst.memory();
    for (long done = 0; done < length; ) {
      long part = read(memory.asSlice(dstOffset + done, length - done));
      if (part < 0) {
        throw new ChannelException.EndedEarly(
            "The peer ended " + (length - done) + " bytes before the end of what it was to place");
      }
      done += part;
    }
  }

  @Override
  public void deafen() {
    monitor.lock();
    try {
      deaf = true;
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
  }

  @Override
  public void rest() {}

  @Override
  public void arrive() {}

  @Override
  public void meet() {}

  @Override
  public void awaitMet() {}

  @Override
  public void sever(String why) {
    monitor.lock();
    try {
      if (severed == null) {
        severed = why;
      }
      monitor.signalAll();
    } finally {
      monitor.unlock();
    }
  }

  private void requireWhole() throws ChannelException {
    if (severed != null) {
      throw new ChannelException.Lost(severed);
    }
  }

  private void requireHearing() throws ChannelException {
    if (deaf) {
      throw new ChannelException.Lost("This side closed the connection");
    }
  }
}
