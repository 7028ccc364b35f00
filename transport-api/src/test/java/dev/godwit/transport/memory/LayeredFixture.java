package dev.godwit.transport.memory;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Settings;
import dev.godwit.transport.contract.Fixture;

/** The same names with layers that change no byte at both ends. */
record LayeredFixture(Placement placement, Settings layers) implements Fixture {
  @Override
  public Capabilities capabilities() {
    return new MemoryFixture(placement).capabilities();
  }

  @Override
  public Endpoint address() {
    return layered(new MemoryFixture(placement).address());
  }

  @Override
  public Endpoint target(Endpoint local) {
    return local.settings().values("throttle").isEmpty() ? layered(local) : local;
  }

  private Endpoint layered(Endpoint endpoint) {
    Settings all = endpoint.settings();
    for (Settings.Setting layer : layers.all()) {
      all = all.with(layer.key(), layer.value());
    }
    return endpoint.with(all);
  }
}
