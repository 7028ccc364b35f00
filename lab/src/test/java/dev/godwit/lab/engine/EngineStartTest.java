package dev.godwit.lab.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.embedded.DirtyShape;
import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.DestinationState;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Task;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What happens to a migration while the destination starts the guest no longer stops that. */
@Timeout(60)
final class EngineStartTest {
  private static final LabSpec SPEC = LabSpec.of(2 << 20, DirtyShape.UNIFORM, 500);

  /** A guest that takes its time to start. */
  private static final class SlowGuest extends ForwardingGuest {
    private final AtomicReference<Runnable> meanwhile = new AtomicReference<>(() -> {});
    private final boolean starts;

    SlowGuest(LabGuest guest, boolean starts) {
      super(guest);
      this.starts = starts;
    }

    @Override
    public void resume() throws GuestException {
      meanwhile.get().run();
      if (!starts) {
        throw new GuestException("It does not start");
      }
      super.resume();
    }
  }

  private static void closedMeanwhile(
      DestinationKind kind, boolean starts, SourceState source, DestinationState destination)
      throws Exception {
    EngineParameters parameters = Ends.parameters();
    try (LabGuest from = LabGuest.create(SPEC);
        LabGuest to = LabGuest.empty(SPEC);
        Listener listener = Ends.TRANSPORTS.listen(Endpoint.parse("tcp:127.0.0.1:0"));
        Dialer dialer = Ends.TRANSPORTS.dialer(listener.local())) {
      SlowGuest slow = new SlowGuest(to, starts);
      from.resume();
      AtomicReference<Task<Boolean>> closing = new AtomicReference<>();
      try (SourceMigration sent = new SourceMigration(from, dialer, parameters, kind);
          DestinationMigration taken = new DestinationMigration(slow, listener, parameters)) {
        slow.meanwhile.set(
            () -> {
              closing.set(
                  Task.start(
                      "close",
                      () -> {
                        taken.close();
                        return true;
                      }));
              // It has given up whatever it can, and waits for the guest.
              closing.get().awaitBlocked();
            });
        taken.start();
        try {
          sent.migrate();
        } catch (MigrationException e) {
          assertThat(e).hasMessageStartingWith("Source: ");
        }
        sent.close();
        // A source of kind QEMU is done before the guest is started.
        Await.until("the destination starts the guest", () -> closing.get() != null);
        assertThat(closing.get().result()).isTrue();
        assertThat(sent.state()).isEqualTo(source);
        assertThat(taken.state()).isEqualTo(destination);
        assertThat(to.isRunning()).isEqualTo(starts);
        assertThat(from.isRunning()).isEqualTo(source == SourceState.FAILED);
      }
    }
  }

  /** A source that took a refusal for the truth would run the guest as well. */
  @ParameterizedTest
  @EnumSource(names = {"QEMU", "GODWIT"})
  void aDestinationThatStartsTheGuestNeverSaysThatItDoesNot(DestinationKind kind) throws Exception {
    closedMeanwhile(kind, true, SourceState.COMPLETED, DestinationState.COMPLETED);
  }

  @ParameterizedTest
  @EnumSource(names = {"QEMU", "GODWIT"})
  void aDestinationThatCannotStartTheGuestSaysSo(DestinationKind kind) throws Exception {
    // What says nothing of a handover hears before the start that the guest is taken.
    SourceState source =
        kind == DestinationKind.QEMU ? SourceState.COMPLETED : SourceState.UNDECIDED;
    closedMeanwhile(kind, false, source, DestinationState.DEAD);
  }
}
