package dev.godwit.transport.tls;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Settings;
import dev.godwit.transport.contract.Fixture;
import java.util.Optional;

/** TLS over another provider, whose addresses are named as that provider's own test names them. */
final class TlsFixture implements Fixture {
  private final Fixture beneath;
  private final Settings settings;

  /**
   * @param settings those of TLS, the same at both ends
   */
  TlsFixture(Fixture beneath, String settings) {
    this.beneath = beneath;
    this.settings = Endpoint.parse("any:where?" + settings).settings();
  }

  @Override
  public Capabilities capabilities() {
    Capabilities plain = beneath.capabilities();
    return new Capabilities(
        plain.placement(),
        Protection.ENCRYPTED,
        plain.manyChannels(),
        plain.bidirectional(),
        plain.halfClose());
  }

  @Override
  public Endpoint address() throws Exception {
    return secured(beneath.address());
  }

  @Override
  public Endpoint target(Endpoint local) {
    return secured(beneath.target(local));
  }

  private Endpoint secured(Endpoint endpoint) {
    Settings all = endpoint.settings();
    for (Settings.Setting setting : settings.all()) {
      if (!all.all().contains(setting)) {
        all = all.with(setting.key(), setting.value());
      }
    }
    return endpoint.with(all);
  }

  @Override
  public boolean rebinds() {
    return beneath.rebinds();
  }

  @Override
  public Optional<Endpoint> stalledTarget() throws Exception {
    return beneath.stalledTarget().map(this::secured);
  }

  @Override
  public void close() throws Exception {
    beneath.close();
  }
}
