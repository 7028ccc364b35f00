package dev.godwit.channel.image;

import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PositionedChannel;
import dev.godwit.transport.support.Closing;
import java.util.ArrayList;
import java.util.List;

/** The lanes into one file, opened for one guest's memory. Closing ends their channels. */
final class FileLanes implements AutoCloseable {
  /** A disk that takes more than one core can copy wants a second; a third gains nothing. */
  private static final int LANES = 2;

  private final List<Channel> channels = new ArrayList<>();
  private final List<RamRegions> regions = new ArrayList<>();
  private final List<ImageLane> lanes = new ArrayList<>();

  FileLanes(LaneOpener opener, RamBlocks blocks, Access access) throws ChannelException {
    try {
      for (int i = 0; i < LANES; i++) {
        Channel channel = opener.open();
        channels.add(channel);
        RamRegions registered = new RamRegions(blocks, channel.info().peer(), access);
        regions.add(registered);
        lanes.add(new ImageLane(positioned(channel), registered));
      }
    } catch (ChannelException | RuntimeException e) {
      abort(e);
      close();
      throw e;
    }
  }

  /** The same channel with its places, which nothing but a file has. */
  static PositionedChannel positioned(Channel channel) throws ChannelException.Unsupported {
    if (channel instanceof PositionedChannel positioned) {
      return positioned;
    }
    throw new ChannelException.Unsupported(
        "A mapped-ram image needs a file, which " + channel.info().remote() + " is not");
  }

  List<ImageLane> all() {
    return lanes;
  }

  void abort(Throwable cause) {
    channels.forEach(channel -> channel.abort(cause));
  }

  @Override
  public void close() throws ChannelException {
    Closing.all(List.copyOf(regions), List.copyOf(channels));
  }
}
