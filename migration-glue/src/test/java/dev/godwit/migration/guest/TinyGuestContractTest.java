package dev.godwit.migration.guest;

final class TinyGuestContractTest extends GuestContract {
  @Override
  protected Guest newGuest(long seed) {
    return new TinyGuest(seed);
  }

  @Override
  protected long progress(Guest guest) {
    return ((TinyGuest) guest).progress();
  }

  @Override
  protected void end(Guest guest) throws Exception {
    ((TinyGuest) guest).close();
  }
}
