package dev.godwit.channel.multifd;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamBlocks;
import dev.godwit.channel.ram.RamRegions;
import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Await;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * Two guests of the same RAM blocks in this process, a main channel between them and multifd
 * channels that a test adds.
 */
final class Bench implements AutoCloseable {
  static final int PAGE = 4096;

  private final Arena arena = Arena.ofShared();
  private final Listener listener;
  private final Dialer dialer;
  private final List<Channel> channels = new ArrayList<>();
  private final RamBlocks here;
  private final RamBlocks there;
  private final RamRegions from;
  private final RamRegions to;
  private final Channel mainOut;
  private final Channel mainIn;

  /**
   * @param settings of {@code mem:}, such as {@code placement=direct}
   */
  Bench(String settings) throws ChannelException {
    Transports transports = Transports.load();
    Endpoint endpoint = Endpoint.parse("mem:" + UUID.randomUUID() + "?" + settings);
    listener = transports.listen(endpoint);
    dialer = transports.dialer(endpoint);
    mainOut = dial();
    mainIn = accept();
    here = blocks();
    there = blocks();
    from = new RamRegions(here, dialer.peer(), Access.LOCAL);
    to = new RamRegions(there, mainIn.info().peer(), Access.REMOTE_WRITE);
  }

  private RamBlocks blocks() {
    return new RamBlocks(
        List.of(
            new RamBlock("pc.ram", arena.allocate(300 * PAGE), PAGE),
            new RamBlock("/rom@etc/acpi/tables", arena.allocate(32 * PAGE), PAGE)));
  }

  static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  Channel dial() throws ChannelException {
    return keep(dialer.dial(soon()));
  }

  Channel accept() throws ChannelException {
    return keep(listener.accept(soon()));
  }

  private Channel keep(Channel channel) {
    channels.add(channel);
    return channel;
  }

  /** For channels that the test itself closes. */
  Dialer dialer() {
    return dialer;
  }

  /** For channels that the test itself closes. */
  Listener listener() {
    return listener;
  }

  RamBlocks here() {
    return here;
  }

  RamBlocks there() {
    return there;
  }

  RamRegions from() {
    return from;
  }

  RamRegions to() {
    return to;
  }

  Channel mainOut() {
    return mainOut;
  }

  Channel mainIn() {
    return mainIn;
  }

  /** What differs between both guests, empty if nothing does. */
  String difference() {
    for (int i = 0; i < here.all().size(); i++) {
      long at = here.all().get(i).memory().mismatch(there.all().get(i).memory());
      if (at >= 0) {
        return here.all().get(i) + " differs from byte " + at + " on";
      }
    }
    return "";
  }

  @Override
  public void close() throws ChannelException {
    for (Channel channel : channels) {
      channel.abort(new IllegalStateException("The test is over"));
      channel.close();
    }
    from.close();
    to.close();
    dialer.close();
    listener.close();
    arena.close();
  }
}
