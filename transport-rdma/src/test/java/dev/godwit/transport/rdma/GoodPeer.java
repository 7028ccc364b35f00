package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Channel;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;

/** Somebody who does nothing wrong, and is to be served whatever others do. */
final class GoodPeer {
  private GoodPeer() {}

  /** Connects to a listener that accepts him, and sends a byte. */
  static void isServedBy(Listener listener) throws Exception {
    Deadline soon = Deadline.after(Await.LIMIT);
    isServedBy(listener, Task.start("accept", () -> listener.accept(soon)));
  }

  /** The same where somebody accepts already. */
  static void isServedBy(Listener listener, Task<Channel> accepting) throws Exception {
    try (Dialer dialer = new RdmaTransport().dialer(listener.local());
        Channel out = dialer.dial(Deadline.after(Await.LIMIT));
        Channel in = accepting.result()) {
      Io.send(out, new byte[] {7});
      assertThat(Io.receive(in, 1)).containsExactly(7);
    }
  }
}
