package dev.godwit.transport.memory;

import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Peer;
import dev.godwit.transport.support.Monitor;
import java.util.ArrayList;
import java.util.List;

/**
 * Two peers that know each other's regions, a placer for each side's puts, and lanes that record
 * them. One lock serves all: this is an oracle, and what it says must be easy to believe.
 */
final class DirectLink implements Link {
  private final Monitor monitor = new Monitor();
  private final Placer diallingPlacer = new Placer(monitor);
  private final Placer acceptingPlacer = new Placer(monitor);
  private final DirectPeer dialling = new DirectPeer(monitor, diallingPlacer, this::isStranded);
  private final DirectPeer accepting = new DirectPeer(monitor, acceptingPlacer, this::isStranded);
  private final List<DirectLane> lanes = new ArrayList<>();
  private boolean connected;

  DirectLink() {
    dialling.pairWith(accepting);
    accepting.pairWith(dialling);
  }

  @Override
  public Peer dialling() {
    return dialling;
  }

  @Override
  public Ends connect(Endpoint target, MemoryOptions options, MemoryListener listener) {
    MemoryOptions theirs = listener.options();
    DirectLane there = new DirectLane(monitor, dialling, diallingPlacer, options.bufferBytes());
    DirectLane back = new DirectLane(monitor, accepting, acceptingPlacer, theirs.bufferBytes());
    monitor.lock();
    try {
      connected = true;
      lanes.add(there);
      lanes.add(back);
      diallingPlacer.enter(options.seed());
      acceptingPlacer.enter(theirs.seed());
    } finally {
      monitor.unlock();
    }
    return new Ends(
        new MemoryChannel(
            Link.info(target, listener.local(), options, dialling),
            there,
            back,
            () -> release(there, diallingPlacer)),
        new MemoryChannel(
            Link.info(listener.local(), target, theirs, accepting),
            back,
            there,
            () -> release(back, acceptingPlacer)));
  }

  private void release(DirectLane out, Placer placer) {
    monitor.lock();
    try {
      lanes.remove(out);
      placer.leave();
    } finally {
      monitor.unlock();
    }
  }

  /** Whether there were connections and none is left; the caller holds the monitor. */
  private boolean isStranded() {
    return connected && lanes.stream().noneMatch(DirectLane::isAlive);
  }

  @Override
  public void abort(Throwable cause) {
    dialling.abort(cause);
  }
}
