package dev.godwit.transport;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The transports and layers of this installation, and the one place where a URI becomes a {@link
 * Dialer} or a {@link Listener}. Immutable.
 */
public final class Transports {
  private final SortedMap<String, Transport> transports = new TreeMap<>();
  private final SortedMap<String, Layer> layers = new TreeMap<>();
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
    List<Layer.Wrapping> wrappings = wrappings(target);
    Dialer dialer = transport.dialer(target.with(target.settings().without(layers.keySet())));
    return wrappings.isEmpty() ? dialer : new LayeredDialer(target, dialer, wrappings);
  }

  /** Listens, with the layers the endpoint names. */
  public Listener listen(Endpoint address) throws ChannelException {
    Transport transport = usable(address);
    List<Layer.Wrapping> wrappings = wrappings(address);
    Listener listener = transport.listen(address.with(address.settings().without(layers.keySet())));
    return wrappings.isEmpty() ? listener : new LayeredListener(listener, wrappings);
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
    wrappings(endpoint);
  }

  private Transport usable(Endpoint endpoint) throws ChannelException {
    Transport transport = of(endpoint.scheme());
    Map<String, String> own = transport.settings();
    Set<String> known = new HashSet<>(own.keySet());
    known.addAll(layers.keySet());
    endpoint.settings().requireKnown(endpoint.scheme(), known);
    return switch (transport.availability()) {
      case Availability.Available ignored -> transport;
      case Availability.Unavailable unavailable ->
          throw new ChannelException.Unsupported(unavailable.cause());
    };
  }

  private List<Layer.Wrapping> wrappings(Endpoint endpoint) {
    List<Layer.Wrapping> wrappings = new ArrayList<>();
    for (Settings.Setting setting : endpoint.settings().all()) {
      Layer layer = layers.get(setting.key());
      if (layer != null) {
        wrappings.add(layer.configure(setting.value()));
      }
    }
    return wrappings.reversed();
  }

  private static Channel wrap(Channel channel, List<Layer.Wrapping> innermostFirst)
      throws ChannelException {
    Channel outer = channel;
    try {
      for (Layer.Wrapping wrapping : innermostFirst) {
        outer = wrapping.wrap(outer);
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

  private record LayeredDialer(Endpoint target, Dialer inner, List<Layer.Wrapping> wrappings)
      implements Dialer {
    @Override
    public Peer peer() {
      return inner.peer();
    }

    @Override
    public Channel dial(Deadline deadline) throws ChannelException {
      return wrap(inner.dial(deadline), wrappings);
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

  private record LayeredListener(Listener inner, List<Layer.Wrapping> wrappings)
      implements Listener {
    @Override
    public Endpoint local() {
      return inner.local();
    }

    @Override
    public Channel accept(Deadline deadline) throws ChannelException {
      return wrap(inner.accept(deadline), wrappings);
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
