package dev.godwit.lab.engine;

import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.migration.guest.GuestException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

/** A guest that counts how often it was made to run, and how often while another one ran. */
final class CountedGuest extends ForwardingGuest {
  private final BooleanSupplier otherRuns;
  private final AtomicInteger resumes = new AtomicInteger();
  private final AtomicInteger doubles = new AtomicInteger();

  /**
   * @param otherRuns whether the guest runs, or has run, at the other side
   */
  CountedGuest(LabGuest guest, BooleanSupplier otherRuns) {
    super(guest);
    this.otherRuns = otherRuns;
  }

  int resumes() {
    return resumes.get();
  }

  /** How often two ran. */
  int doubles() {
    return doubles.get();
  }

  @Override
  public void resume() throws GuestException {
    resumes.incrementAndGet();
    if (otherRuns.getAsBoolean()) {
      doubles.incrementAndGet();
    }
    super.resume();
  }
}
