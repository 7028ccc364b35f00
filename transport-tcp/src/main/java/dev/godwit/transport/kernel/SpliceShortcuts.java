package dev.godwit.transport.kernel;

import dev.godwit.transport.Channel;
import dev.godwit.transport.Shortcut;
import dev.godwit.transport.ShortcutProvider;
import java.util.Optional;

/** Knows that the kernel can hand bytes from one socket to another. */
public final class SpliceShortcuts implements ShortcutProvider {
  @Override
  public Optional<Shortcut> between(Channel from, Channel to, int lastBytes) {
    if (!(from instanceof DescriptorChannel source)
        || !(to instanceof DescriptorChannel sink)
        || !source.readsSocket()
        || !sink.writesSocket()) {
      return Optional.empty();
    }
    Optional<Pipe> pipe = Pipe.open();
    if (pipe.isEmpty() || lastBytes == 0) {
      return pipe.map(p -> new SpliceShortcut(source, sink, p, Optional.empty()));
    }
    Optional<LastBytes> last = LastBytes.open(pipe.get().capacityBytes(), lastBytes);
    if (last.isEmpty()) {
      pipe.get().close();
      return Optional.empty();
    }
    return Optional.of(new SpliceShortcut(source, sink, pipe.get(), last));
  }
}
