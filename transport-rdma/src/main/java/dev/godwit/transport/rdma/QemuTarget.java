package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.rdma.qemu.Command;
import dev.godwit.transport.rdma.qemu.Message;
import dev.godwit.transport.rdma.qemu.MessageType;
import dev.godwit.transport.rdma.wire.Control;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a QEMU hears that migrates away to here (qemu-rdma-wire.md §5 to §8). Its stream comes in
 * messages, one for each READY that this side sends; its memory comes by writes that nothing
 * announces. A barrier is a round: it answers what QEMU asks for, until QEMU says that all it wrote
 * has landed. One-way.
 */
final class QemuTarget implements Dialect {
  private static final int NONE = -1;

  /**
   * How long a return path's first message is waited for before it is asked for. QEMU sends that
   * unasked, and may have no receive for a READY before (qemu-rdma-wire.md §2, §11).
   */
  private static final Duration FIRST_UNASKED = Duration.ofSeconds(2);

  private final QueuePair queuePair;
  private final Rings rings;
  private final Progress progress;
  private final RdmaPeer peer;
  private final boolean pinAll;
  private final String name;

  private final QemuSends sends;

  /** Slots with messages that are not looked at yet, oldest first. */
  private final Deque<Integer> arrived = new ArrayDeque<>();

  private final Progress.Condition messageThere = this::isMessageThere;
  private final Progress.Condition slotFree;

  /** Whether QEMU may send a message that it was not asked for. */
  private boolean mayBegin;

  /** How many messages were asked for, one READY each, and how many came. */
  private long asked;

  private long came;

  private int file = NONE;
  private int fileAt;
  private int fileEnd;

  /** QEMU's blocks are the regions at the same places here. */
  private List<RdmaRegion> blocks = List.of();

  private boolean gone;

  /** What to say if the peer ends before it has said anything; empty where that is an end. */
  private String silentEnd = "";

  /** Why what came last was none; QEMU may have gone since, and that is no end. */
  private @Nullable ChannelException refusal;

  /**
   * @param pinAll whole blocks are registered, as the source wants it
   * @param mayBegin this is a return path, whose first message QEMU sends unasked
   */
  QemuTarget(
      QueuePair queuePair,
      Rings rings,
      Progress progress,
      RdmaPeer peer,
      boolean pinAll,
      boolean mayBegin,
      String name) {
    this.queuePair = queuePair;
    this.rings = rings;
    this.progress = progress;
    this.peer = peer;
    this.pinAll = pinAll;
    this.mayBegin = mayBegin;
    this.name = name;
    this.sends = new QemuSends(queuePair, rings, progress);
    this.slotFree = sends::hasFree;
  }

  /** The same for a QEMU, which has always something to say: if it does not, {@code sentence}. */
  QemuTarget endingSilently(String sentence) {
    silentEnd = sentence;
    return this;
  }

  // The stream.

  @Override
  public int read(ByteBuffer dst) throws ChannelException {
    if (file == NONE && !beginFile()) {
      if (!silentEnd.isEmpty()) {
        throw new ChannelException.Lost(silentEnd);
      }
      return -1;
    }
    int part = Math.min(dst.remaining(), fileEnd - fileAt);
    dst.put(dst.position(), rings.receive(file), fileAt, part);
    dst.position(dst.position() + part);
    fileAt += part;
    if (fileAt == fileEnd) {
      int slot = file;
      file = NONE;
      repost(slot);
    }
    return part;
  }

  /** Takes the next message of the stream; false at the end. */
  private boolean beginFile() throws ChannelException {
    if (!awaitMessage()) {
      return false;
    }
    int slot = arrived.remove();
    ByteBuffer frame = rings.receive(slot);
    MessageType type = Message.type(frame);
    if (type != MessageType.FILE) {
      throw new ChannelException.Violated(
          "The source of " + name + " sent " + type + " in the middle of its stream");
    }
    file = slot;
    silentEnd = "";
    fileAt = Message.HEADER_BYTES;
    fileEnd = fileAt + Message.payloadBytes(frame);
    return true;
  }

  /** Asks for a message and waits for it; false if QEMU has ended the connection. */
  private boolean awaitMessage() throws ChannelException {
    if (arrived.isEmpty() && !beginsByItself()) {
      ask();
    }
    if (!isMessageThere()) {
      progress.await(messageThere);
    }
    ChannelException why = refusal;
    if (arrived.isEmpty() && why != null) {
      throw why;
    }
    return !arrived.isEmpty();
  }

  /** Whether the first message of a return path has come, or will not come any more. */
  private boolean beginsByItself() throws ChannelException {
    return mayBegin && asked == 0 && progress.await(messageThere, Deadline.after(FIRST_UNASKED));
  }

  private void ask() throws ChannelException {
    if (asked <= came && !gone) {
      // Before the send, which may wait and let others in.
      asked++;
      send(new Command.Ready());
    }
  }

  private boolean isMessageThere() {
    return !arrived.isEmpty() || gone;
  }

  private void send(Command command) throws ChannelException {
    if (!sends.hasFree()) {
      progress.await(slotFree);
    }
    sends.post(command);
  }

  @Override
  public void arrived(int slot, int bytes) throws ChannelException {
    try {
      take(slot, bytes);
    } catch (ChannelException e) {
      refusal = e;
      throw e;
    }
  }

  private void take(int slot, int bytes) throws ChannelException {
    MessageType type = Message.check(rings.receive(slot), bytes);
    if (type == MessageType.ERROR) {
      throw new ChannelException.Lost(
          silentEnd.isEmpty() ? "The source of " + name + " gave up" : silentEnd);
    }
    if (came >= asked && !mayBegin) {
      throw new ChannelException.Violated(
          "The source of " + name + " sent " + type + ", and was not asked to");
    }
    if (came >= asked) {
      mayBegin = false;
      asked++;
    }
    came++;
    arrived.add(slot);
  }

  private void repost(int slot) throws ChannelException {
    if (!progress.isDisconnected()) {
      queuePair.postReceive(slot);
    }
  }

  // Rounds.

  /**
   * QEMU goes on once it is asked for more of its stream: until then memory stays as it is, and a
   * barrier of the other side does not return.
   */
  @Override
  public void barrier() throws ChannelException {
    if (file != NONE) {
      throw new ChannelException.Violated(
          "The source of " + name + " sent more of its stream before the end of a round");
    }
    Command command;
    do {
      command = nextCommand();
      answer(command);
    } while (!(command instanceof Command.Finished));
  }

  private Command nextCommand() throws ChannelException {
    if (!awaitMessage()) {
      throw new ChannelException.EndedEarly("The source of " + name + " ended within a round");
    }
    int slot = arrived.remove();
    ByteBuffer frame = rings.receive(slot);
    MessageType type = Message.type(frame);
    if (type == MessageType.FILE) {
      throw new ChannelException.Violated(
          "The source of " + name + " sent more of its stream before the end of a round");
    }
    Command command = Command.decode(type, frame);
    repost(slot);
    return command;
  }

  private void answer(Command command) throws ChannelException {
    switch (command) {
      case Command.BlocksRequest() -> send(new Command.Blocks(blocks()));
      case Command.Compress(int value, int block, long at, long length) ->
          fill(value, block, at, length);
      case Command.Register(int block, long at, long more) -> send(registered(block, at, more));
      case Command.Unregister(int block, long chunk) -> {
        unregister(block, chunk);
        send(new Command.Unregistered());
      }
      case Command.Finished() -> {}
      default ->
          throw new ChannelException.Violated(
              "The source of " + name + " sent " + command.type() + ", which no source says");
    }
  }

  /** What is registered here by now are the blocks of the table that the source has sent. */
  private List<Command.Block> blocks() throws ChannelException {
    blocks = peer.exports().exported();
    if (blocks.size() > Command.MAX_BLOCKS) {
      throw new ChannelException.Unsupported(
          "The guest has "
              + blocks.size()
              + " RAM blocks, and QEMU's own rdma: takes "
              + Command.MAX_BLOCKS);
    }
    List<Command.Block> told = new ArrayList<>(blocks.size());
    for (RdmaRegion region : blocks) {
      long length = region.area().length();
      int key = pinAll ? export(region, 0, length).registration().remoteKey() : 0;
      told.add(new Command.Block(region.address(), 0, length, key));
    }
    return told;
  }

  private RdmaRegion block(int index) throws ChannelException {
    if (index >= blocks.size()) {
      throw new ChannelException.Violated(
          "The source of " + name + " names block " + index + " of " + blocks.size());
    }
    return blocks.get(index);
  }

  private void fill(int value, int block, long offset, long length) throws ChannelException {
    RdmaRegion region = block(block);
    long size = region.area().length();
    if (offset < 0 || offset > size || length > size - offset || value < 0 || value > 0xff) {
      throw new ChannelException.Violated(
          "The source of "
              + name
              + " fills "
              + region.name()
              + "+"
              + offset
              + ".."
              + Long.toUnsignedString(offset + length)
              + " with "
              + Integer.toUnsignedString(value)
              + ", and the block has "
              + size
              + " bytes");
    }
    if (!region.fill(offset, length, (byte) value)) {
      throw closed(region);
    }
  }

  private Command.Registered registered(int block, long at, long more) throws ChannelException {
    RdmaRegion region = block(block);
    long size = region.area().length();
    if (at < 0 || at >= size || more > size / Command.CHUNK_BYTES) {
      throw new ChannelException.Violated(
          "The source of "
              + name
              + " asks for "
              + more
              + " chunks behind "
              + region.name()
              + "+"
              + at
              + ", and the block has "
              + size
              + " bytes");
    }
    long start = at & -Command.CHUNK_BYTES;
    long end = Math.min(size, start + (more + 1) * Command.CHUNK_BYTES);
    RdmaRegion.Export export =
        pinAll ? export(region, 0, size) : export(region, start, end - start);
    return new Command.Registered(export.registration().remoteKey(), region.address());
  }

  /** Registers, which takes its time: not under the monitor. */
  private RdmaRegion.Export export(RdmaRegion region, long offset, long length)
      throws ChannelException {
    RdmaRegion.Export export;
    progress.unlocked(true);
    try {
      export = region.exportApart(offset, length);
    } finally {
      progress.unlocked(false);
    }
    if (export == null) {
      throw closed(region);
    }
    return export;
  }

  private static ChannelException closed(RdmaRegion region) {
    return new ChannelException.Aborted("Region " + region.name() + " is closed", null);
  }

  private void unregister(int block, long chunk) throws ChannelException {
    RdmaRegion region = block(block);
    long size = region.area().length();
    if (chunk >= 0 && chunk <= size / Command.CHUNK_BYTES && !pinAll) {
      long start = chunk * Command.CHUNK_BYTES;
      region.unexport(start, Math.min(size - start, Command.CHUNK_BYTES));
    }
  }

  // The other way there is nothing.

  private ChannelException oneWay() {
    return new ChannelException.Unsupported(
        name + " is QEMU's own rdma:, which goes one way without a return path");
  }

  @Override
  public void write(ByteBuffer src) throws ChannelException {
    throw oneWay();
  }

  @Override
  public void put(RdmaRegion src, long srcOffset, TheirRegion dst, long dstOffset, long length)
      throws ChannelException {
    throw oneWay();
  }

  @Override
  public void get(RdmaRegion dst, long dstOffset, long length) throws ChannelException {
    throw new ChannelException.Unsupported(
        "QEMU's own rdma: places memory without a record; a barrier says that it is there");
  }

  @Override
  public void flush() {}

  @Override
  public void settle() {}

  @Override
  public void end() {}

  @Override
  public void endInOrder() {}

  @Override
  public boolean isLossy() {
    return false;
  }

  @Override
  public long outstandingWrites() {
    return 0;
  }

  // The end.

  /** QEMU has no other word for its end; whether its stream is whole, the stream tells. */
  @Override
  public boolean endsByDisconnecting() {
    return true;
  }

  @Override
  public boolean hasEnded() {
    return false;
  }

  @Override
  public void peerIsGone() {
    gone = true;
  }

  @Override
  public void completed(long work, boolean success) {
    if (Work.kind(work) == Work.STREAM) {
      sends.completed(Work.slot(work));
    }
  }

  /** Asks for the first message, which thus need not wait for somebody to read it. */
  @Override
  public void pump() throws ChannelException {
    if (asked == 0 && !mayBegin && !progress.isDisconnected()) {
      ask();
    }
  }

  @Override
  public void hurry() {}

  /** A QEMU asks for what it needs. */
  @Override
  public void mail(Control control) {}

  @Override
  public void sayAbort(String sentence) throws ChannelException {
    sends.sayAbort();
  }

  @Override
  public boolean isAbortSent() {
    return sends.isAbortSent();
  }

  @Override
  public void release() {
    gone = true;
  }
}
