package dev.godwit.lab.engine;

import dev.godwit.lab.embedded.DirtyShape;
import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;

/** The program that another one hands a connection: a source over {@code fd:}. */
final class HandedDescriptor {
  static final LabSpec SPEC = LabSpec.of(8 << 20, DirtyShape.HOT_SET, 1_000);

  private HandedDescriptor() {}

  /**
   * @param arguments the number of the descriptor
   */
  public static void main(String[] arguments) throws Exception {
    Endpoint descriptor = Endpoint.parse("fd:" + arguments[0]);
    try (LabGuest guest = LabGuest.create(SPEC);
        Dialer dialer = Ends.TRANSPORTS.dialer(descriptor);
        SourceMigration source =
            new SourceMigration(guest, dialer, Ends.parameters(), DestinationKind.GODWIT)) {
      guest.resume();
      source.migrate();
      System.out.println(source.state() + " " + guest.isRunning());
    }
  }
}
