package dev.godwit.transport.layer;

import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Layer;
import dev.godwit.transport.Settings;

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
  public Wrapping configure(String value) {
    long bytesPerSecond = Settings.parseBytes(key(), value);
    if (bytesPerSecond == 0) {
      throw new EndpointException("Setting throttle must be at least 1 byte a second, not 0");
    }
    Pace pace = new Pace(bytesPerSecond);
    return inner -> new ThrottleChannel(inner, pace);
  }
}
