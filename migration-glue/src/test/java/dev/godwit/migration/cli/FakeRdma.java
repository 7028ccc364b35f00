package dev.godwit.migration.cli;

import dev.godwit.transport.Availability;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.HostFact;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Transport;
import dev.godwit.transport.Transports;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A transport that places, in clear, and has much to tell of its host. Connects nothing. */
public final class FakeRdma implements Transport {
  static final HostFact PORT =
      new HostFact(
          "port",
          "fake0 port 1 is active",
          Map.of("device", "fake0", "active", true, "gids", List.of("192.0.2.1")));

  static final HostFact LIMIT =
      new HostFact("locked-memory", "This process may lock 4,096 bytes", Map.of("bytes", 4096L));

  private final Availability availability;

  /** For {@link java.util.ServiceLoader}. */
  public FakeRdma() {
    this(Availability.available());
  }

  FakeRdma(Availability availability) {
    this.availability = availability;
  }

  /** Those of this installation, and this one. */
  static Transports among(Path scratch) throws IOException {
    Path services = Files.createDirectories(scratch.resolve("META-INF/services"));
    Files.writeString(services.resolve(Transport.class.getName()), FakeRdma.class.getName());
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    try (URLClassLoader with = new URLClassLoader(new URL[] {scratch.toUri().toURL()}, before)) {
      thread.setContextClassLoader(with);
      return Transports.load();
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  @Override
  public String scheme() {
    return "fakerdma";
  }

  @Override
  public String description() {
    return "Nothing at all";
  }

  @Override
  public Availability availability() {
    return availability;
  }

  @Override
  public List<HostFact> facts() {
    return List.of(PORT, LIMIT);
  }

  @Override
  public Capabilities capabilities() {
    return new Capabilities(Placement.RECORDED, Protection.NONE, true, true, true);
  }

  @Override
  public Map<String, String> settings() {
    return Map.of("spin", "how long");
  }

  @Override
  public Dialer dialer(Endpoint target) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Listener listen(Endpoint address) {
    throw new UnsupportedOperationException();
  }
}
