package dev.godwit.transport.contract;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Settings;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Task;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Both ends of a connection over the provider under test. Where the fixture is not live the
 * accepted end is opened when it is first asked for, which closes the dialled one.
 */
public final class Pair implements AutoCloseable {
  private final Transports transports;
  private final Endpoint address;
  private final Settings listening;
  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final Dialer dialer;
  private final Channel dialled;
  private @Nullable Listener listener;
  private @Nullable Channel accepted;

  private Pair(Transports transports, Fixture fixture, Settings dialling, Settings listening)
      throws Exception {
    this.transports = transports;
    this.address = fixture.address();
    this.listening = listening;
    if (fixture.live()) {
      Listener here = keep(transports.listen(withSettings(address, listening)));
      listener = here;
      dialer = keep(transports.dialer(withSettings(fixture.target(here.local()), dialling)));
      Task<Channel> accepting = Task.start("accept", () -> here.accept(soon()));
      dialled = keep(dialer.dial(soon()));
      accepted = keep(accepting.result());
    } else {
      dialer = keep(transports.dialer(withSettings(fixture.target(address), dialling)));
      dialled = keep(dialer.dial(soon()));
    }
  }

  /**
   * Opens one connection.
   *
   * @param dialling settings that the dialling side adds, such as layers
   * @param listening settings that the listening side adds
   */
  static Pair open(Transports transports, Fixture fixture, String dialling, String listening)
      throws Exception {
    return new Pair(transports, fixture, settings(dialling), settings(listening));
  }

  /** A deadline that a healthy provider keeps by far. */
  public static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  /** {@code endpoint} with settings added that are written as in a URI. */
  static Endpoint withSettings(Endpoint endpoint, Settings more) {
    Settings all = endpoint.settings();
    for (Settings.Setting setting : more.all()) {
      all = all.with(setting.key(), setting.value());
    }
    return endpoint.with(all);
  }

  static Settings settings(String text) {
    return Endpoint.parse("any:where?" + text).settings();
  }

  public Dialer dialer() {
    return dialer;
  }

  public Channel dialled() {
    return dialled;
  }

  public Listener listener() {
    if (listener == null) {
      throw new AssertionError("Nothing was accepted yet");
    }
    return listener;
  }

  public Channel accepted() {
    Channel there = accepted;
    if (there == null) {
      there = openStored();
      accepted = there;
    }
    return there;
  }

  private Channel openStored() {
    try {
      dialled.close();
      Listener here = keep(transports.listen(withSettings(address, listening)));
      listener = here;
      return keep(here.accept(soon()));
    } catch (ChannelException e) {
      throw new AssertionError("What was written cannot be opened", e);
    }
  }

  private <T extends AutoCloseable> T keep(T opened) {
    open.push(opened);
    return opened;
  }

  /** Closes all that it opened; what a test broke on purpose may fail to close. */
  @Override
  public void close() {
    for (AutoCloseable opened : open) {
      if (opened instanceof Channel channel) {
        channel.abort(new IllegalStateException("The test is over"));
      }
    }
    for (AutoCloseable opened : open) {
      try {
        opened.close();
      } catch (Exception e) {
        throw new AssertionError("Closing " + opened + " after an abort failed", e);
      }
    }
  }
}
