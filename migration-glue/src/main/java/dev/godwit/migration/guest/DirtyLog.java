package dev.godwit.migration.guest;

/**
 * Which memory a guest has changed. It belongs to the guest, and to one reader at a time, who
 * shares it out (see {@code DirtyMemory}).
 *
 * <p>Every change of memory between {@link #start} and {@link #stop} is reported by one {@link
 * #takeAndClear} or more, whoever makes it: processors, devices, or the guest's owner. What was
 * changed while a page was read is reported after that; reporting a page that was not changed costs
 * time and is no fault.
 */
public interface DirtyLog {

  /** Begins to log; nothing is dirty yet. */
  void start() throws GuestException;

  /** Ends logging and frees what that took; does nothing where it was not begun. */
  void stop() throws GuestException;

  /**
   * Whether {@link #takeAndClear} may be called beside the running guest: taking a page's mark and
   * clearing it is one step then, in which no change is lost. Otherwise whoever calls it pauses the
   * guest around it.
   */
  boolean isAtomic();

  /**
   * Reports what was changed in one block since the last call, and forgets it.
   *
   * @param block its number in {@link Guest#ramBlocks}
   * @param found told of each run; after a failure what was not told is told again
   */
  void takeAndClear(int block, DirtyRuns found) throws GuestException;
}
