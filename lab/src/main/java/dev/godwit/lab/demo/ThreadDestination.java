package dev.godwit.lab.demo;

import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import java.io.IOException;

/** A destination in this process: what the other process runs too, and all there is for mem:. */
final class ThreadDestination implements Destination {
  private final LabGuest guest;
  private final Listener listener;
  private final DestinationMigration migration;

  ThreadDestination(Transports transports, Endpoint address, LabSpec spec, Leg leg)
      throws IOException {
    EngineParameters parameters = EngineParameters.of(leg.settings());
    listener = transports.listen(address);
    guest = LabGuest.empty(spec);
    migration = new DestinationMigration(guest, listener, parameters);
    migration.start();
  }

  @Override
  public Endpoint address() {
    return listener.local();
  }

  @Override
  public GuestProof proof() throws IOException {
    try {
      migration.await();
      return GuestProof.of(guest);
    } catch (MigrationException | GuestException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  @Override
  public void cancel() {
    migration.cancel("The demo was asked to end");
  }

  @Override
  public void close() {
    try (guest;
        listener;
        migration) {
      cancel();
    } catch (ChannelException e) {
      // It is over, and what became of it has been told.
    }
  }
}
