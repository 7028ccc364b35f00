package dev.godwit.lab.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.engine.KilledEnd.Moment;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.testkit.Task;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The source of one migration whose destination is killed. */
final class SurvivingSource implements Survivor {
  private final LabGuest guest = LabGuest.create(KilledEnd.spec());
  private final Dialer dialer;
  private final SourceMigration migration;
  private @Nullable Task<Optional<MigrationException>> task;

  /**
   * @param last where the destination stops for ever
   */
  SurvivingSource(KilledProcess process, int number, boolean multifd, Endpoint at, Moment last)
      throws Exception {
    process.order(number, multifd, at, last);
    dialer = Ends.TRANSPORTS.dialer(process.address());
    migration =
        new SourceMigration(guest, dialer, KilledEnd.parameters(multifd), DestinationKind.GODWIT);
    guest.resume();
  }

  @Override
  public void begin() {
    task =
        Task.start(
            "source",
            () -> {
              try {
                migration.migrate();
                return Optional.empty();
              } catch (MigrationException e) {
                return Optional.of(e);
              }
            });
  }

  private Optional<MigrationException> met() {
    Task<Optional<MigrationException>> begun = task;
    return begun == null ? Optional.empty() : begun.result();
  }

  @Override
  public String awaitOver() {
    Optional<MigrationException> met = met();
    return migration.state() + met.map(failure -> ": " + failure.getMessage()).orElse("");
  }

  @Override
  public void bereave() {
    // It notices by itself.
  }

  @Override
  public void judge(List<Moment> other) throws Exception {
    met().ifPresent(failure -> assertThat(failure).hasMessageStartingWith("Source: "));
    switch (migration.state()) {
      case COMPLETED -> {
        assertThat(other).contains(Moment.RESUMED);
        assertThat(guest.isRunning()).isFalse();
      }
      case UNDECIDED -> {
        assertThat(other).contains(Moment.LOADED);
        assertThat(guest.isRunning()).isFalse();
        assertThat(guest.verify().isSound()).as("%s", guest.verify()).isTrue();
      }
      case FAILED -> {
        assertThat(other).doesNotContain(Moment.RESUMING);
        LostMigration.requireItRunsOn(guest);
      }
      default -> throw new AssertionError("The source is " + migration.state());
    }
  }

  @Override
  public void close() throws IOException {
    migration.close();
    dialer.close();
    guest.close();
  }
}
