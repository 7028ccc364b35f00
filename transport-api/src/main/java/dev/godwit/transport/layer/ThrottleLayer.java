package dev.godwit.transport.layer;

import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Layer;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Settings;
import java.util.Map;

/**
 * {@code throttle=100M}: this side sends no more than so many bytes a second, written and put
 * together.
 *
 * <p>The limit is shared by all channels of one dialer or one listener: it is the migration's share
 * of the network, as QEMU's max-bandwidth is, and not a channel's. What is received is not limited;
 * name the layer on the other side for that.
 */
public final class ThrottleLayer implements Layer {
  @Override
  public String key() {
    return "throttle";
  }

  @Override
  public String grammar() {
    return "BYTES a second, as in throttle=100M";
  }

  @Override
  public Map<String, String> settings() {
    return Map.of();
  }

  @Override
  public Protection protection(Protection beneath) {
    return beneath;
  }

  @Override
  public boolean waits() {
    return false;
  }

  @Override
  public Wrapping configure(Naming naming) {
    String value = naming.value();
    long bytesPerSecond = Settings.parseBytes(key(), value);
    if (bytesPerSecond == 0) {
      throw new EndpointException("Setting throttle must be at least 1 byte a second, not 0");
    }
    Pace pace = new Pace(bytesPerSecond);
    return (inner, deadline) -> new ThrottleChannel(inner, pace);
  }
}
