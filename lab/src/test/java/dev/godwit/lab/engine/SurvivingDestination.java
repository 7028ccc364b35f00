package dev.godwit.lab.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.engine.KilledEnd.Moment;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.DestinationState;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Task;
import java.io.IOException;
import java.util.List;

/** The destination of one migration whose source is killed. */
final class SurvivingDestination implements Survivor {
  private final LabGuest guest = LabGuest.empty(KilledEnd.spec());
  private final CountedGuest counted = new CountedGuest(guest, () -> false);
  private final KilledProcess process;
  private final int number;
  private final boolean multifd;
  private final Moment last;
  private final Listener listener;
  private final DestinationMigration migration;

  /**
   * @param last where the source stops for ever
   */
  SurvivingDestination(KilledProcess process, int number, boolean multifd, Endpoint at, Moment last)
      throws Exception {
    this.process = process;
    this.number = number;
    this.multifd = multifd;
    this.last = last;
    listener = Ends.TRANSPORTS.listen(at);
    migration = new DestinationMigration(counted, listener, KilledEnd.parameters(multifd));
    migration.start();
  }

  @Override
  public void begin() throws IOException {
    process.order(number, multifd, listener.local(), last);
  }

  @Override
  public String awaitOver() {
    return Task.start(
            "destination",
            () -> {
              try {
                migration.await();
                return migration.state().toString();
              } catch (MigrationException e) {
                assertThat(e).hasMessageStartingWith("Destination: ");
                return migration.state() + ": " + e.getMessage();
              }
            })
        .result();
  }

  @Override
  public void bereave() {
    if (migration.state() == DestinationState.SETUP) {
      migration.cancel("nobody is left who could come");
    }
  }

  @Override
  public void judge(List<Moment> other) throws Exception {
    switch (migration.state()) {
      case COMPLETED -> {
        assertThat(other)
            .containsSubsequence(Moment.PAUSED, Moment.GIVEN_UP)
            .doesNotContain(Moment.RESUMING);
        assertThat(counted.resumes()).isOne();
        LostMigration.requireItRunsOn(guest);
      }
      case FAILED, CANCELLED -> {
        assertThat(guest.isRunning()).isFalse();
        assertThat(counted.resumes()).isZero();
      }
      default -> throw new AssertionError("The destination is " + migration.state());
    }
  }

  @Override
  public void close() throws IOException {
    migration.close();
    listener.close();
    guest.close();
  }
}
