package dev.godwit.transport.unix;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.contract.Fixture;
import dev.godwit.transport.kernel.FullQueue;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Sockets in a directory of the test. */
final class UnixFixture implements Fixture {
  private final Path directory;
  private final List<FullQueue> queues = new ArrayList<>();
  private int made;

  UnixFixture(Path directory) {
    this.directory = directory;
  }

  @Override
  public Capabilities capabilities() {
    return UnixTransport.CAPABILITIES;
  }

  @Override
  public Endpoint address() {
    return Endpoint.parse("unix:" + newPath());
  }

  /** A process that dies closes its socket as one that ends does. */
  @Override
  public boolean tellsLoss() {
    return false;
  }

  @Override
  public Optional<Endpoint> stalledTarget() {
    Path path = newPath();
    queues.add(FullQueue.unix(path.toString()));
    return Optional.of(Endpoint.parse("unix:" + path));
  }

  private Path newPath() {
    return directory.resolve("s" + made++);
  }

  @Override
  public void close() {
    queues.forEach(FullQueue::close);
  }
}
