package dev.godwit.transport.kernel;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** Two connected channels, for tests of what is special to a provider. */
public record Pair(Channel dialled, Channel accepted) implements AutoCloseable {
  public static final Duration PATIENCE = Duration.ofSeconds(20);

  public static Pair of(String uri) throws ChannelException {
    Transports transports = Transports.load();
    try (Listener listener = transports.listen(Endpoint.parse(uri));
        Dialer dialer = transports.dialer(listener.local())) {
      Channel dialled = dialer.dial(Deadline.after(PATIENCE));
      return new Pair(dialled, listener.accept(Deadline.after(PATIENCE)));
    }
  }

  public static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Everything up to the end, as text. */
  public static String readAll(Channel channel) throws ChannelException {
    StringBuilder all = new StringBuilder();
    ByteBuffer buffer = ByteBuffer.allocate(4096);
    while (channel.read(buffer) >= 0) {
      all.append(StandardCharsets.UTF_8.decode(buffer.flip()));
      buffer.clear();
    }
    return all.toString();
  }

  @Override
  public void close() throws ChannelException {
    try (dialled) {
      accepted.close();
    }
  }
}
