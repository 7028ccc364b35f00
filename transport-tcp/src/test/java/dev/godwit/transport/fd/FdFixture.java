package dev.godwit.transport.fd;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Settings;
import dev.godwit.transport.contract.Fixture;
import dev.godwit.transport.kernel.RawDescriptors;
import java.util.HashMap;
import java.util.Map;

/** Both ends of TCP connections, open as if they had been inherited. */
final class FdFixture implements Fixture {
  private final RawDescriptors descriptors = new RawDescriptors();
  private final Map<String, Integer> partners = new HashMap<>();

  @Override
  public Capabilities capabilities() {
    return FdTransport.CAPABILITIES;
  }

  @Override
  public Endpoint address() {
    int[] pair = descriptors.tcpPair();
    partners.put(Integer.toString(pair[0]), pair[1]);
    return new Endpoint("fd", Integer.toString(pair[0]), Settings.none());
  }

  @Override
  public Endpoint target(Endpoint local) {
    Integer partner = partners.get(local.address());
    return local.at(partner == null ? "none" : partner.toString());
  }

  @Override
  public boolean rebinds() {
    return false;
  }

  @Override
  public void close() {
    descriptors.close();
  }
}
