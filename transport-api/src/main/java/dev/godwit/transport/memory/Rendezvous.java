package dev.godwit.transport.memory;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.support.Monitor;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Who listens under which name, and the one lock under which dialers and listeners meet. */
final class Rendezvous {
  private final Monitor monitor = new Monitor();
  private final Map<String, MemoryListener> listeners = new HashMap<>();

  /** Whoever calls anything here, or looks at a listener's backlog, holds it. */
  Monitor monitor() {
    return monitor;
  }

  void add(String name, MemoryListener listener) throws ChannelException {
    if (listeners.putIfAbsent(name, listener) != null) {
      throw new ChannelException.Refused("Somebody listens at mem:" + name + " already");
    }
  }

  void remove(String name, MemoryListener listener) {
    listeners.remove(name, listener);
    monitor.signalAll();
  }

  Optional<MemoryListener> find(String name) {
    return Optional.ofNullable(listeners.get(name));
  }
}
