package dev.godwit.channel.session;

import dev.godwit.transport.Availability;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Peer;
import dev.godwit.transport.Transport;
import dev.godwit.transport.memory.MemoryTransport;
import dev.godwit.transport.support.ForwardingChannel;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** {@code session:name}: streams over {@code mem:name}, one session a dialer. */
public final class SessionTransport implements Transport {
  private final MemoryTransport memory = new MemoryTransport();

  /** Where the links of {@code address} are. */
  static Endpoint beneath(Endpoint address) {
    return Endpoint.parse("mem:" + address.address());
  }

  @Override
  public String scheme() {
    return "session";
  }

  @Override
  public String description() {
    return "a session within this process";
  }

  @Override
  public Availability availability() {
    return Availability.available();
  }

  @Override
  public Capabilities capabilities() {
    return memory.capabilities();
  }

  @Override
  public Map<String, String> settings() {
    return Map.of();
  }

  @Override
  public Dialer dialer(Endpoint target) {
    target.settings().requireKnown(scheme(), settings().keySet());
    Rail rail = new Rail(target, () -> new Renaming(memory.dialer(beneath(target)), target));
    return new Dialling(Session.dialling(List.of(rail), SessionOptions.standard()));
  }

  @Override
  public Listener listen(Endpoint address) throws ChannelException {
    address.settings().requireKnown(scheme(), settings().keySet());
    return new Accepting(address, memory.listen(beneath(address)));
  }

  /** A link that is called as the session is. */
  private static final class Renamed extends ForwardingChannel {
    private final Endpoint name;

    Renamed(Channel inner, Endpoint name) {
      super(inner);
      this.name = name;
    }

    @Override
    public ChannelInfo info() {
      ChannelInfo info = inner().info();
      return new ChannelInfo(
          info.serial(), name, name, info.identity(), info.capabilities(), info.peer());
    }
  }

  private record Renaming(Dialer inner, Endpoint target) implements Dialer {
    @Override
    public Peer peer() {
      return inner.peer();
    }

    @Override
    public Channel dial(Deadline deadline) throws ChannelException {
      return new Renamed(inner.dial(deadline), target);
    }

    @Override
    public void abort(Throwable cause) {
      inner.abort(cause);
    }

    @Override
    public void close() throws ChannelException {
      inner.close();
    }
  }

  /**
   * The session itself, but for what becomes of its channels when it is aborted: to abort a session
   * breaks them off as well, and to abort a dialer does not.
   */
  private static final class Dialling implements Dialer {
    private final Session session;
    private volatile boolean dialled;
    private volatile @Nullable Throwable aborted;

    Dialling(Session session) {
      this.session = session;
    }

    @Override
    public Endpoint target() {
      return session.target();
    }

    @Override
    public Peer peer() {
      return session.peer();
    }

    @Override
    public Channel dial(Deadline deadline) throws ChannelException {
      Throwable cause = aborted;
      if (cause != null && dialled) {
        throw new ChannelException.Aborted("Dialling was given up", cause);
      }
      Channel channel = session.dial(deadline);
      dialled = true;
      return channel;
    }

    @Override
    public void abort(Throwable cause) {
      aborted = cause;
      if (!dialled) {
        session.abort(cause);
      }
    }

    @Override
    public void close() {
      session.close();
    }
  }

  /** The channels of the session that comes first. */
  private static final class Accepting implements Listener {
    private final Endpoint local;
    private final SessionListener sessions;
    private volatile @Nullable Session session;

    Accepting(Endpoint local, Listener links) {
      this.local = local;
      this.sessions =
          new SessionListener(
              List.of(new RenamingListener(links, local)),
              SessionOptions.standard(),
              Admission.all());
    }

    @Override
    public Endpoint local() {
      return local;
    }

    @Override
    public Channel accept(Deadline deadline) throws ChannelException {
      Session from = session;
      if (from == null) {
        from = sessions.accept(deadline);
        session = from;
      }
      return from.accept(deadline);
    }

    @Override
    public void abort(Throwable cause) {
      sessions.abort(cause);
      Session from = session;
      if (from != null) {
        from.abort(cause);
      }
    }

    @Override
    public void close() throws ChannelException {
      sessions.close();
      Session from = session;
      if (from != null) {
        from.close();
      }
    }
  }

  private record RenamingListener(Listener inner, Endpoint local) implements Listener {
    @Override
    public Channel accept(Deadline deadline) throws ChannelException {
      return new Renamed(inner.accept(deadline), local);
    }

    @Override
    public void abort(Throwable cause) {
      inner.abort(cause);
    }

    @Override
    public void close() throws ChannelException {
      inner.close();
    }
  }
}
