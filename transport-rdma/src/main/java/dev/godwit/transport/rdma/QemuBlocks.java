package dev.godwit.transport.rdma;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.qemu.Command;
import dev.godwit.transport.rdma.wire.Control;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The RAM blocks of a QEMU that takes a guest, and the keys it gives of them (qemu-rdma-wire.md §7,
 * §8). They are the source's regions in the order of the block table, and the peer's business once
 * they are known. Guarded by the channel's monitor.
 */
final class QemuBlocks {
  private final RdmaPeer peer;
  private final boolean pinAll;
  private final String name;

  /** What the destination wants to have added to offsets. */
  private final List<Long> biases = new ArrayList<>();

  private boolean asked;
  private boolean known;

  /** The key that was asked for and has not come. */
  private Control.@Nullable KeyRequest requested;

  /**
   * @param pinAll whole blocks are registered, whose keys come with them
   * @param name of the channel in messages
   */
  QemuBlocks(RdmaPeer peer, boolean pinAll, String name) {
    this.peer = peer;
    this.pinAll = pinAll;
    this.name = name;
  }

  boolean areKnown() {
    return known;
  }

  /** Whether the destination owes an answer, without which it wants no message. */
  boolean isAnswerDue() {
    return (asked && !known) || requested != null;
  }

  Command askForBlocks() {
    asked = true;
    return new Command.BlocksRequest();
  }

  /** One request for all of an extent, which begins with a chunk and ends within the block. */
  Command askForKey(Control.KeyRequest request) {
    requested = request;
    long more = (request.length() - 1) / Command.CHUNK_BYTES;
    return new Command.Register(request.region(), at(request.region(), request.offset()), more);
  }

  Command fill(int block, long offset, long length) {
    return new Command.Compress(0, block, at(block, offset), length);
  }

  private long at(int block, long offset) {
    return biases.get(block) + offset;
  }

  void answered(Command.Blocks blocks) throws ChannelException {
    if (!asked || known) {
      throw wrong(blocks);
    }
    List<RdmaRegion> ours = peer.exports().inOrder();
    if (blocks.blocks().size() != ours.size()) {
      throw new ChannelException.Violated(
          "The destination of "
              + name
              + " has "
              + blocks.blocks().size()
              + " RAM blocks, and the source "
              + ours.size());
    }
    for (int i = 0; i < blocks.blocks().size(); i++) {
      learn(i, blocks.blocks().get(i), ours.get(i));
    }
    known = true;
  }

  private void learn(int index, Command.Block block, RdmaRegion region) throws ChannelException {
    if (block.length() != region.area().length()) {
      throw new ChannelException.Violated(
          "The destination of "
              + name
              + " has "
              + block.length()
              + " bytes in RAM block "
              + region.name()
              + ", and the source "
              + region.area().length());
    }
    biases.add(block.bias());
    peer.answers().advertised(new Control.Advertise(index, block.length(), pinAll, region.name()));
    if (pinAll) {
      requireAddresses(region.name(), block.address(), block.length());
      peer.answers().keys(new Control.Keys(index, 0, block.length(), block.address(), block.key()));
    }
  }

  /** The key is that of the request, which names no extent again. */
  void answered(Command.Registered answer) throws ChannelException {
    Control.KeyRequest request = requested;
    if (request == null) {
      throw wrong(answer);
    }
    requested = null;
    requireAddresses(
        peer.exports().nameOf(request.region()),
        answer.address(),
        request.offset() + request.length());
    peer.answers()
        .keys(
            new Control.Keys(
                request.region(),
                request.offset(),
                request.length(),
                answer.address() + request.offset(),
                answer.key()));
  }

  /** Whether the key is good, the destination's device says; but no memory is where this wraps. */
  private void requireAddresses(String block, long address, long length) throws ChannelException {
    if (Long.compareUnsigned(address + length, address) < 0) {
      throw new ChannelException.Violated(
          "The destination of "
              + name
              + " has RAM block "
              + block
              + " at "
              + Long.toUnsignedString(address)
              + ", where "
              + length
              + " bytes are beyond all addresses");
    }
  }

  private ChannelException wrong(Command command) {
    return new ChannelException.Violated(
        "The destination of " + name + " sent " + command.type() + ", which is out of turn");
  }
}
