package dev.godwit.transport.testkit;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Peer;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;

/** A channel that is there already, for who accepts or dials one. A second one never comes. */
public final class OneChannel implements Listener, Dialer {
  private final Channel channel;
  private final AtomicBoolean taken = new AtomicBoolean();
  private final CountDownLatch ended = new CountDownLatch(1);

  public OneChannel(Channel channel) {
    this.channel = channel;
  }

  @Override
  public Endpoint local() {
    return channel.info().local();
  }

  @Override
  public Endpoint target() {
    return channel.info().remote();
  }

  @Override
  public Peer peer() {
    return channel.info().peer();
  }

  @Override
  public Channel accept(Deadline deadline) throws ChannelException {
    return take();
  }

  @Override
  public Channel dial(Deadline deadline) throws ChannelException {
    return take();
  }

  private Channel take() throws ChannelException {
    if (taken.compareAndSet(false, true)) {
      return channel;
    }
    try {
      ended.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    throw new ChannelException.Aborted("There is one channel", null);
  }

  @Override
  public void abort(Throwable cause) {
    ended.countDown();
  }

  @Override
  public void close() {
    ended.countDown();
  }
}
