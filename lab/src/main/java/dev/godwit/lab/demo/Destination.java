package dev.godwit.lab.demo;

import dev.godwit.transport.Endpoint;
import java.io.IOException;

/** The other side of one leg. Owned by the leg: closing it ends whatever still runs there. */
interface Destination extends AutoCloseable {

  /** Where the source goes; waits until it can. */
  Endpoint address() throws IOException;

  /** Waits until the guest has come and proved itself. */
  GuestProof proof() throws IOException;

  /** Ends it now; any thread. */
  void cancel();

  @Override
  void close();
}
