package dev.godwit.lab.engine;

import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.migration.guest.GuestException;
import java.util.Optional;

/**
 * A guest at the destination that is held against the source's in the moment in which it is to run:
 * every byte of memory has to be the same, and the source's must not run.
 */
public final class ComparedGuest extends ForwardingGuest {
  private final LabGuest source;
  private final LabGuest here;
  private volatile boolean compared;

  public ComparedGuest(LabGuest source, LabGuest here) {
    super(here);
    this.source = source;
    this.here = here;
  }

  public boolean isCompared() {
    return compared;
  }

  @Override
  public void resume() throws GuestException {
    if (source.isRunning()) {
      throw new GuestException("The guest runs at the source as well");
    }
    Optional<String> difference = source.difference(here);
    if (difference.isPresent()) {
      throw new GuestException(difference.get());
    }
    compared = true;
    super.resume();
  }
}
