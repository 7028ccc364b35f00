package dev.godwit.channel.image;

import dev.godwit.channel.ram.RamRegions;
import dev.godwit.transport.PositionedChannel;

/**
 * A way into the file that pages take, with a place in it of its own; another thread may use
 * another lane at the same time. Channel and regions stay the caller's.
 *
 * @param channel onto the same file as the stream, and not the stream's channel itself
 * @param regions the guest's blocks, registered with that channel's peer
 */
public record ImageLane(PositionedChannel channel, RamRegions regions) {}
