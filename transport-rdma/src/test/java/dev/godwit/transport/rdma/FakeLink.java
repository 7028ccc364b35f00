package dev.godwit.transport.rdma;

import dev.godwit.transport.Channel;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Task;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/** Channels of one migration over the fake fabric, with memory for it; closing aborts them. */
final class FakeLink implements AutoCloseable {
  final FakeRdmaTransport transport = new FakeRdmaTransport();
  final Arena arena = Arena.ofShared();

  /** The ends that dialled, in the order of those that {@link #accepted} has. */
  final List<Channel> dialled = new ArrayList<>();

  final List<Channel> accepted = new ArrayList<>();

  private final List<AutoCloseable> open = new ArrayList<>();

  void connect(String settings, int channels, Deadline deadline) throws Exception {
    Endpoint here = new FakeFixture(settings).address();
    Listener listener = transport.listen(here);
    Dialer dialer = transport.dialer(here);
    for (int i = 0; i < channels; i++) {
      Task<Channel> accepting = Task.start("accept", () -> listener.accept(deadline));
      dialled.add(dialer.dial(deadline));
      accepted.add(accepting.result());
    }
    open.addAll(dialled);
    open.addAll(accepted);
    open.add(dialer);
    open.add(listener);
  }

  @Override
  public void close() throws Exception {
    for (AutoCloseable each : open) {
      if (each instanceof Channel channel) {
        channel.abort(new IllegalStateException("The test is over"));
      }
    }
    for (AutoCloseable each : open) {
      each.close();
    }
    arena.close();
  }
}
