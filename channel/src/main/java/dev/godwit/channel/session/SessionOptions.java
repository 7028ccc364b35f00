package dev.godwit.channel.session;

import dev.godwit.channel.session.wire.Hello;
import dev.godwit.channel.session.wire.Limits;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * How a session behaves at this end.
 *
 * @param name which guest it is for, told to the accepting side, which routes by it; may be empty
 * @param resumeWithin how long the network may be away before the session fails
 * @param detectWithin the silence after which a link is taken for dead
 * @param windowBytes how much of each stream may be on its way; so much is kept to be sent again,
 *     and held at the other end for whoever reads there
 */
public record SessionOptions(
    String name, Duration resumeWithin, Duration detectWithin, int windowBytes) {
  private static final Duration RESUME_WITHIN = Duration.ofSeconds(60);
  private static final Duration DETECT_WITHIN = Duration.ofSeconds(3);
  private static final int WINDOW_BYTES = 4 * 1024 * 1024;

  /**
   * @throws IllegalArgumentException with a sentence for the user if something makes no sense
   */
  public SessionOptions {
    if (name.getBytes(StandardCharsets.UTF_8).length > Hello.MAX_NAME_BYTES) {
      throw new IllegalArgumentException(
          "A name has at most " + Hello.MAX_NAME_BYTES + " bytes of UTF-8");
    }
    if (resumeWithin.isNegative() || resumeWithin.toMillis() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("The network cannot be waited for that long");
    }
    if (detectWithin.toMillis() < Limits.MIN_DETECT_MILLIS
        || detectWithin.toMillis() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "A link is taken for dead after " + Limits.MIN_DETECT_MILLIS + " ms or more");
    }
    if (windowBytes < Limits.MIN_WINDOW_BYTES || windowBytes > Limits.MAX_WINDOW_BYTES) {
      throw new IllegalArgumentException("A window has 64 KiB to 1 GiB");
    }
  }

  /** 60 s for the network, 3 s for a silent link, 4 MiB a stream, no name. */
  public static SessionOptions standard() {
    return new SessionOptions("", RESUME_WITHIN, DETECT_WITHIN, WINDOW_BYTES);
  }

  public SessionOptions named(String other) {
    return new SessionOptions(other, resumeWithin, detectWithin, windowBytes);
  }

  public SessionOptions resumingWithin(Duration other) {
    return new SessionOptions(name, other, detectWithin, windowBytes);
  }

  public SessionOptions detectingWithin(Duration other) {
    return new SessionOptions(name, resumeWithin, other, windowBytes);
  }

  public SessionOptions window(int bytes) {
    return new SessionOptions(name, resumeWithin, detectWithin, bytes);
  }

  Limits limits(int chunkBytes) {
    return new Limits(
        windowBytes, chunkBytes, (int) detectWithin.toMillis(), (int) resumeWithin.toMillis());
  }
}
