package dev.godwit.transport.contract;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import java.util.Optional;

/** What a provider supplies to be tested; a new one is made for each test. */
public interface Fixture extends AutoCloseable {

  /** What each channel of these addresses must declare. */
  Capabilities capabilities();

  /** Where to listen: another address at each call, and one that is free. */
  Endpoint address() throws Exception;

  /**
   * What to dial to reach a listener.
   *
   * @param local what {@code Listener.local} said, or {@link #address} where nobody listens yet
   */
  default Endpoint target(Endpoint local) {
    return local;
  }

  /**
   * Whether both ends are open at the same time; false where what was written can be read only
   * after the writer has closed, as with a file.
   */
  default boolean live() {
    return true;
  }

  /**
   * Whether an address is a place at which somebody listens, then nobody, then somebody again;
   * false where it stands for one open thing, as with a descriptor or a command.
   */
  default boolean rebinds() {
    return true;
  }

  /**
   * Whether the medium tells a peer that aborted from one that ended in order; false where there is
   * one kind of end only, as with a pipe.
   */
  default boolean tellsLoss() {
    return true;
  }

  /**
   * Whether the peer is told that the output ended while the channel stays; false where only the
   * end of the channel is one, as with QEMU's own rdma:.
   */
  default boolean tellsOutputsEnd() {
    return true;
  }

  /**
   * Whether memory may be placed at any time, into whatever the peer registered; false where that
   * is done in rounds, into the same regions as this side has, as with QEMU's own rdma:.
   */
  default boolean placesBetweenWrites() {
    return true;
  }

  /** A target where a dial neither succeeds nor fails by itself, if the provider can make one. */
  default Optional<Endpoint> stalledTarget() throws Exception {
    return Optional.empty();
  }

  @Override
  default void close() throws Exception {}
}
