package dev.godwit.transport.support;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Await;
import java.util.UUID;

/** Two ends of one connection in memory. */
public record Ends(Channel dialled, Channel accepted) implements AutoCloseable {

  /**
   * Connects them.
   *
   * @param settings of {@code mem:}, for both sides
   */
  public static Ends open(String settings) throws ChannelException {
    Endpoint endpoint = Endpoint.parse("mem:" + UUID.randomUUID() + "?" + settings);
    Transports transports = Transports.load();
    try (Listener listener = transports.listen(endpoint);
        Dialer dialer = transports.dialer(endpoint)) {
      Channel dialled = dialer.dial(Deadline.after(Await.LIMIT));
      return new Ends(dialled, listener.accept(Deadline.after(Await.LIMIT)));
    }
  }

  @Override
  public void close() throws ChannelException {
    for (Channel channel : new Channel[] {dialled, accepted}) {
      channel.abort(new IllegalStateException("The test is over"));
      channel.close();
    }
  }
}
