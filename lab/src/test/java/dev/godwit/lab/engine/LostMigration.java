package dev.godwit.lab.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.migration.engine.DestinationState;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Task;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * One migration of a running lab guest that something happens to, and what has to be true of both
 * ends afterwards, whatever that was.
 */
final class LostMigration implements AutoCloseable {
  private final LabGuest from;
  private final LabGuest to;
  private final CountedGuest counted;
  private final CountedGuest back;
  private final List<Channel> dialled = Collections.synchronizedList(new ArrayList<>());
  private final List<Channel> accepted = Collections.synchronizedList(new ArrayList<>());
  private final Ends ends;

  /**
   * @param way that names no file
   * @param out around the channels of the source
   * @param in around those of the destination
   */
  LostMigration(
      LabSpec spec,
      Way way,
      Path directory,
      EngineParameters atSource,
      EngineParameters atDestination,
      Wrapping out,
      Wrapping in)
      throws Exception {
    from = LabGuest.create(spec);
    to = LabGuest.empty(spec);
    counted = new CountedGuest(to, from::isRunning);
    back = new CountedGuest(from, () -> counted.resumes() > 0);
    Listener listener =
        new WrappingListener(
            Ends.TRANSPORTS.listen(Endpoint.parse(way.in(directory).listen())), kept(accepted, in));
    ends =
        Ends.of(
            back,
            counted,
            listener,
            new WrappingDialer(Ends.TRANSPORTS.dialer(listener.local()), kept(dialled, out)),
            false,
            atSource,
            atDestination);
    from.resume();
    Await.until("the guest runs", () -> from.clock().ticks() > 3);
  }

  private static Wrapping kept(List<Channel> channels, Wrapping wrapping) {
    return (n, inner) -> {
      channels.add(inner);
      return wrapping.wrap(n, inner);
    };
  }

  /** Runs it until both ends are over, and returns what the source met. */
  Optional<MigrationException> run() {
    Optional<MigrationException> met = runSource();
    if (destination() == DestinationState.SETUP) {
      // Its connection was lost before it was one of a migration.
      ends.destination().cancel("no source came");
    }
    endDestination();
    return met;
  }

  /** Runs it until the source is over and gone, and returns what that met. */
  Optional<MigrationException> runSource() {
    Optional<MigrationException> met = ends.start().result();
    ends.source().close();
    return met;
  }

  /** Waits until the destination is over. */
  void endDestination() {
    Task<Boolean> ended =
        Task.start(
            "destination",
            () -> {
              try {
                ends.destination().await();
              } catch (MigrationException e) {
                assertThat(e.getMessage()).startsWith("Destination: ").doesNotEndWith(".");
                assertThat(e.side()).isEqualTo(MigrationException.Side.DESTINATION);
              }
              return true;
            });
    assertThat(ended.result()).isTrue();
  }

  Ends ends() {
    return ends;
  }

  SourceState source() {
    return ends.source().state();
  }

  DestinationState destination() {
    return ends.destination().state();
  }

  /** What each channel of the source has sent, in bytes, the main one first. */
  List<Long> sent() {
    return dialled.stream().map(channel -> sent(channel.stats())).toList();
  }

  /** What the destination has answered, in bytes. */
  long answered() {
    return sent(accepted.getFirst().stats());
  }

  private static long sent(ChannelStats stats) {
    return stats.bytesWritten() + stats.bytesPut();
  }

  /** Never two, and each side says what is so. */
  void requireOneOrNone(Optional<MigrationException> met) throws Exception {
    assertThat(counted.doubles() + back.doubles()).as("times that two ran").isZero();
    met.ifPresent(
        failure -> {
          assertThat(failure.getMessage()).startsWith("Source: ").doesNotEndWith(".");
          assertThat(failure.side()).isEqualTo(MigrationException.Side.SOURCE);
        });
    switch (source()) {
      case COMPLETED -> {
        assertThat(met).isEmpty();
        requireAtDestination();
      }
      case FAILED -> {
        assertThat(met.orElseThrow().kind()).isEqualTo(MigrationException.Kind.FAILED);
        requireNotAtDestination();
        requireItRunsOn(from);
      }
      case UNDECIDED -> {
        assertThat(met.orElseThrow().kind()).isEqualTo(MigrationException.Kind.UNDECIDED);
        if (destination() == DestinationState.COMPLETED) {
          requireAtDestination();
        } else {
          requireNotAtDestination();
          assertThat(from.isRunning()).isFalse();
          assertThat(from.verify().isSound()).as("%s", from.verify()).isTrue();
        }
      }
      default -> throw new AssertionError("The source is " + source());
    }
  }

  private void requireAtDestination() throws Exception {
    assertThat(destination()).isEqualTo(DestinationState.COMPLETED);
    assertThat(from.isRunning()).isFalse();
    assertThat(counted.resumes()).isOne();
    requireItRunsOn(to);
  }

  private void requireNotAtDestination() {
    assertThat(destination()).isIn(DestinationState.FAILED, DestinationState.CANCELLED);
    assertThat(to.isRunning()).isFalse();
    assertThat(counted.resumes()).isZero();
  }

  static void requireItRunsOn(LabGuest guest) throws Exception {
    assertThat(guest.isRunning()).isTrue();
    long before = guest.clock().ticks();
    Await.until("the guest runs on", () -> guest.clock().ticks() > before + 2);
    guest.pause();
    assertThat(guest.verify().isSound()).as("%s", guest.verify()).isTrue();
  }

  @Override
  public void close() throws ChannelException {
    ends.close();
    from.close();
    to.close();
  }
}
