package dev.godwit.transport.memory;

import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Peer;
import dev.godwit.transport.support.StreamRegions;

/** Two peers that need to know nothing of each other, and pipes. */
final class InlineLink implements Link {
  private final Peer dialling = new StreamRegions();
  private final Peer accepting = new StreamRegions();

  @Override
  public Peer dialling() {
    return dialling;
  }

  @Override
  public Ends connect(Endpoint target, MemoryOptions options, MemoryListener listener) {
    Lane there = new PipeLane(options.bufferBytes());
    Lane back = new PipeLane(listener.options().bufferBytes());
    return new Ends(
        new MemoryChannel(
            Link.info(target, listener.local(), options, dialling), there, back, () -> {}),
        new MemoryChannel(
            Link.info(listener.local(), target, listener.options(), accepting),
            back,
            there,
            () -> {}));
  }

  /** Nothing ever waits at a stream's peer. */
  @Override
  public void abort(Throwable cause) {}
}
