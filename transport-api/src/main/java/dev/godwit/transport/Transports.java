package dev.godwit.transport;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The transports and layers of this installation, and the one place where a URI becomes a {@link
 * Dialer} or a {@link Listener}. Immutable.
 */
public final class Transports {
  private final SortedMap<String, Transport> transports = new TreeMap<>();
  private final SortedMap<String, Layer> layers = new TreeMap<>();

  /** The layers by their further settings. */
  private final Map<String, Layer> owners = new HashMap<>();

  private final List<ShortcutProvider> shortcuts = new ArrayList<>();

  private Transports(
      Iterable<Transport> transports,
      Iterable<Layer> layers,
      Iterable<ShortcutProvider> shortcuts) {
    shortcuts.forEach(this.shortcuts::add);
    for (Transport transport : transports) {
      if (this.transports.put(transport.scheme(), transport) != null) {
        throw new IllegalStateException("Two transports serve " + transport.scheme() + ":");
      }
    }
    for (Layer layer : layers) {
      if (this.layers.put(layer.key(), layer) != null) {
        throw new IllegalStateException("Two layers are named " + layer.key());
      }
      for (String key : layer.settings().keySet()) {
        if (owners.put(key, layer) != null) {
          throw new IllegalStateException("Two layers have a setting " + key);
        }
      }
    }
  }

  /** Everything that {@link ServiceLoader} finds. */
  public static Transports load() {
    return new Transports(
        ServiceLoader.load(Transport.class),
        ServiceLoader.load(Layer.class),
        ServiceLoader.load(ShortcutProvider.class));
  }

  public Collection<Transport> all() {
    return transports.values();
  }

  public Collection<Layer> layers() {
    return layers.values();
  }

  /** The transport of {@code scheme}. */
  public Transport of(String scheme) {
    Transport transport = transports.get(scheme);
    if (transport == null) {
      throw new EndpointException(
          "Unknown scheme '"
              + scheme
              + ":', this Godwit has "
              + String.join(": ", transports.keySet())
              + ":");
    }
    return transport;
  }

  /** Prepares to dial, with the layers the endpoint names; connects nothing yet. */
  public Dialer dialer(Endpoint target) throws ChannelException {
    Transport transport = usable(target);
    List<Wrapped> wrapped = wrapped(target, Layer.Side.DIALLING);
    Dialer dialer = transport.dialer(target.with(target.settings().without(layerKeys(transport))));
    return wrapped.isEmpty() ? dialer : new LayeredDialer(target, dialer, wrappings(wrapped));
  }

  /** Listens, with the layers the endpoint names. */
  public Listener listen(Endpoint address) throws ChannelException {
    Transport transport = usable(address);
    List<Wrapped> wrapped = wrapped(address, Layer.Side.ACCEPTING);
    Listener listener =
        transport.listen(address.with(address.settings().without(layerKeys(transport))));
    if (wrapped.isEmpty()) {
      return listener;
    }
    List<Layer.Wrapping> wrappings = wrappings(wrapped);
    return wrapped.stream().anyMatch(w -> w.layer().waits())
        ? new ConcurrentListener(
            listener, (inner, deadline) -> wrap(inner, wrappings, deadline), single(transport))
        : new LayeredListener(listener, wrappings);
  }

  /** What protects the bytes on the way to or from {@code endpoint}, with its layers. */
  public Protection protection(Endpoint endpoint) {
    Protection protection = of(endpoint.scheme()).capabilities().protection();
    for (Layer layer : named(endpoint).reversed()) {
      protection = layer.protection(protection);
    }
    return protection;
  }

  /** Whether {@code endpoint} names the layer of that key, by the key or by a setting of it. */
  public boolean names(Endpoint endpoint, String layer) {
    return named(endpoint).stream().anyMatch(named -> named.key().equals(layer));
  }

  /**
   * The quickest way from one channel into another, which the caller closes; empty if that is
   * reading and writing.
   *
   * @param lastBytes how many of the last bytes of each piece are to be seen
   */
  public Optional<Shortcut> shortcut(Channel from, Channel to, int lastBytes) {
    return shortcuts.stream()
        .flatMap(provider -> provider.between(from, to, lastBytes).stream())
        .findFirst();
  }

  /** Checks scheme, settings and layers without opening anything. */
  public void check(Endpoint endpoint) throws ChannelException {
    usable(endpoint);
    wrapped(endpoint, Layer.Side.DIALLING);
  }

  private Transport usable(Endpoint endpoint) throws ChannelException {
    Transport transport = of(endpoint.scheme());
    Map<String, String> own = transport.settings();
    Set<String> known = new HashSet<>(own.keySet());
    known.addAll(layerKeys(transport));
    endpoint.settings().requireKnown(endpoint.scheme(), known);
    return switch (transport.availability()) {
      case Availability.Available ignored -> transport;
      case Availability.Unavailable unavailable ->
          throw new ChannelException.Unsupported(unavailable.cause());
    };
  }

  /** A layer as one endpoint names it. */
  private record Wrapped(Layer layer, Layer.Wrapping wrapping) {}

  /** The layers that are named, in the order of the URI, each as often as its key is given. */
  private List<Layer> named(Endpoint endpoint) {
    Set<String> keys = layerKeys(of(endpoint.scheme()));
    List<Layer> named = new ArrayList<>();
    for (Settings.Setting setting : endpoint.settings().all()) {
      if (!keys.contains(setting.key())) {
        continue;
      }
      Layer layer = layers.get(setting.key());
      if (layer != null) {
        named.add(layer);
        continue;
      }
      Layer owner = Objects.requireNonNull(owners.get(setting.key()));
      boolean byKey = !endpoint.settings().values(owner.key()).isEmpty();
      if (!byKey && !named.contains(owner)) {
        named.add(owner);
      }
    }
    return named;
  }

  /** The innermost first. */
  private List<Wrapped> wrapped(Endpoint endpoint, Layer.Side side) {
    Map<Layer, Iterator<String>> values = new HashMap<>();
    List<Wrapped> wrapped = new ArrayList<>();
    for (Layer layer : named(endpoint)) {
      Iterator<String> value =
          values.computeIfAbsent(
              layer, named -> endpoint.settings().values(named.key()).iterator());
      Layer.Naming naming = new Layer.Naming(endpoint, side, value.hasNext() ? value.next() : "");
      wrapped.add(new Wrapped(layer, layer.configure(naming)));
    }
    return wrapped.reversed();
  }

  private static List<Layer.Wrapping> wrappings(List<Wrapped> wrapped) {
    return wrapped.stream().map(Wrapped::wrapping).toList();
  }

  /** Every key that belongs to a layer, and is not one of {@code transport}'s own. */
  private Set<String> layerKeys(Transport transport) {
    Set<String> keys = new HashSet<>(layers.keySet());
    keys.addAll(owners.keySet());
    keys.removeAll(transport.settings().keySet());
    return keys;
  }

  private static boolean single(Transport transport) {
    return !transport.capabilities().manyChannels();
  }

  private static Channel wrap(
      Channel channel, List<Layer.Wrapping> innermostFirst, Deadline deadline)
      throws ChannelException {
    Channel outer = channel;
    try {
      for (Layer.Wrapping wrapping : innermostFirst) {
        outer = wrapping.wrap(outer, deadline);
      }
    } catch (ChannelException | RuntimeException e) {
      outer.abort(e);
      try {
        outer.close();
      } catch (ChannelException closing) {
        e.addSuppressed(closing);
      }
      throw e;
    }
    return outer;
  }

  /** Dials, and can be aborted while a layer waits for the peer. */
  private static final class LayeredDialer implements Dialer {
    private final Endpoint target;
    private final Dialer inner;
    private final List<Layer.Wrapping> wrappings;
    private final Set<Channel> wrapping = new HashSet<>();
    private @Nullable Throwable aborted;

    LayeredDialer(Endpoint target, Dialer inner, List<Layer.Wrapping> wrappings) {
      this.target = target;
      this.inner = inner;
      this.wrappings = wrappings;
    }

    @Override
    public Endpoint target() {
      return target;
    }

    @Override
    public Peer peer() {
      return inner.peer();
    }

    @Override
    public Channel dial(Deadline deadline) throws ChannelException {
      Channel channel = inner.dial(deadline);
      begin(channel);
      try {
        return wrap(channel, wrappings, deadline);
      } finally {
        end(channel);
      }
    }

    private synchronized void begin(Channel channel) {
      wrapping.add(channel);
      if (aborted != null) {
        channel.abort(aborted);
      }
    }

    private synchronized void end(Channel channel) {
      wrapping.remove(channel);
    }

    @Override
    public void abort(Throwable cause) {
      inner.abort(cause);
      synchronized (this) {
        if (aborted == null) {
          aborted = cause;
          wrapping.forEach(channel -> channel.abort(cause));
        }
      }
    }

    @Override
    public void close() throws ChannelException {
      inner.close();
    }
  }

  private record LayeredListener(Listener inner, List<Layer.Wrapping> wrappings)
      implements Listener {
    @Override
    public Endpoint local() {
      return inner.local();
    }

    @Override
    public Channel accept(Deadline deadline) throws ChannelException {
      return wrap(inner.accept(deadline), wrappings, deadline);
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
