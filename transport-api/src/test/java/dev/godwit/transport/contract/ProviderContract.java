package dev.godwit.transport.contract;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Threads;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What all contracts share: a fixture for each test, and connections that are closed after it. */
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
public abstract class ProviderContract {
  /** One side of a transfer. */
  @FunctionalInterface
  public interface Side {
    void run(Channel channel) throws Exception;
  }

  @TempDir private @Nullable Path scratch;

  private final Transports transports = Transports.load();
  private final Deque<Pair> pairs = new ArrayDeque<>();
  private @Nullable Fixture fixture;

  /**
   * A provider's fixture.
   *
   * @param scratch an empty directory with a short path, removed after the test
   */
  protected abstract Fixture newFixture(Path scratch) throws Exception;

  @BeforeEach
  void makeFixture() throws Exception {
    fixture = newFixture(scratch());
  }

  @AfterEach
  void closeEverything() throws Exception {
    try {
      pairs.forEach(Pair::close);
    } finally {
      if (fixture != null) {
        fixture.close();
      }
    }
  }

  protected final Path scratch() {
    if (scratch == null) {
      throw new IllegalStateException("There is no scratch directory outside of a test");
    }
    return scratch;
  }

  protected final Fixture fixture() {
    if (fixture == null) {
      throw new IllegalStateException("There is no fixture outside of a test");
    }
    return fixture;
  }

  protected final Capabilities capabilities() {
    return fixture().capabilities();
  }

  protected final Transports transports() {
    return transports;
  }

  /** A connection that is closed after the test. */
  protected final Pair open() throws Exception {
    return open("", "");
  }

  /** A connection whose sides name these settings in addition. */
  protected final Pair open(String dialling, String listening) throws Exception {
    Pair pair = Pair.open(transports, fixture(), dialling, listening);
    pairs.push(pair);
    return pair;
  }

  /** An endpoint with one more setting. */
  protected static Endpoint with(Endpoint endpoint, String settings) {
    return Pair.withSettings(endpoint, Pair.settings(settings));
  }

  /**
   * Lets one end send and the other receive: at the same time where both are open at the same time,
   * else one after the other.
   */
  protected final void transfer(Pair pair, Side sender, Side receiver) throws Exception {
    if (fixture().live()) {
      Threads.run(() -> play(sender, pair.dialled()), () -> play(receiver, pair.accepted()));
    } else {
      sender.run(pair.dialled());
      receiver.run(pair.accepted());
    }
  }

  /** Aborts the channel if its side fails, so that the other side does not wait for it. */
  private static void play(Side side, Channel channel) throws Exception {
    try {
      side.run(channel);
    } catch (Exception | AssertionError e) {
      channel.abort(e);
      throw e;
    }
  }

  protected final void assumeLive() {
    assumeTrue(fixture().live(), "Both ends are not open at the same time");
  }

  protected final void assumeBidirectional() {
    assumeTrue(capabilities().bidirectional() && fixture().live(), "The channel goes one way only");
  }

  protected final void assumeRebinds() {
    assumeTrue(fixture().rebinds(), "The address is no place to listen at");
  }

  protected final void assumeTellsOutputsEnd() {
    assumeTrue(fixture().tellsOutputsEnd(), "The channel ends before the peer is told");
  }

  protected final void assumePlacesBetweenWrites() {
    assumeTrue(fixture().placesBetweenWrites(), "Memory is placed in rounds only");
  }

  protected final void assumeManyChannels() {
    assumeTrue(capabilities().manyChannels(), "The address carries one channel only");
  }

  protected final void assumePlacement(Placement placement) {
    assumeTrue(capabilities().placement() == placement, "Placement is not " + placement);
  }

  protected final void assumeNotPlacement(Placement placement) {
    assumeTrue(capabilities().placement() != placement, "Placement is " + placement);
  }
}
