package dev.godwit.lab.embedded;

import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestContract;

final class LabGuestContractTest extends GuestContract {
  private static final LabSpec SPEC = LabSpec.of(2 << 20, DirtyShape.UNIFORM, 0).withHuge(4 << 20);

  /** All of one kind, whatever the seed: a state is not taken by a guest of another. */
  @Override
  protected Guest newGuest(long seed) {
    return LabGuest.create(SPEC);
  }

  @Override
  protected long progress(Guest guest) {
    return ((LabGuest) guest).writes();
  }

  @Override
  protected void end(Guest guest) {
    ((LabGuest) guest).close();
  }
}
