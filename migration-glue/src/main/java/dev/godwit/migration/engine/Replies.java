package dev.godwit.migration.engine;

import dev.godwit.channel.returnpath.ReturnPathMessage;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;

/** What a destination answers its source; any thread, whole messages. */
final class Replies implements AutoCloseable {
  private static final int BUFFER_BYTES = 1024;

  private final StreamOutput out;
  private boolean opened;
  private boolean understood;
  private boolean ended;

  /**
   * @param main stays the caller's
   */
  Replies(Channel main) {
    this.out = new StreamOutput(main, BUFFER_BYTES);
  }

  /** The source listens; before that nothing is said. */
  synchronized void open() {
    opened = true;
  }

  /** The source is a Godwit, and knows our own answers. */
  synchronized void understood() {
    understood = true;
  }

  synchronized boolean isOpen() {
    return opened;
  }

  void pong(long value) throws ChannelException {
    say(new ReturnPathMessage.Pong(value));
  }

  /** All of the guest is here; it is not run before the source has given it up. */
  void ready() throws ChannelException {
    say(new ReturnPathMessage.Ready());
  }

  /** The guest is this side's; the last answer. */
  synchronized void confirm() throws ChannelException {
    say(new ReturnPathMessage.Shut(0));
    ended = true;
  }

  /** This side does not have the guest; the last answer, unless another was. */
  synchronized void refuse(String why) throws ChannelException {
    if (ended) {
      return;
    }
    if (understood) {
      say(ReturnPathMessage.Reason.of(why));
    }
    say(new ReturnPathMessage.Shut(1));
    ended = true;
  }

  private synchronized void say(ReturnPathMessage message) throws ChannelException {
    if (opened && !ended) {
      message.write(out);
      out.flush();
    }
  }

  @Override
  public synchronized void close() {
    ended = true;
    out.close();
  }
}
