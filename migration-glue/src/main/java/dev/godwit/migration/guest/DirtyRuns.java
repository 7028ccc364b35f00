package dev.godwit.migration.guest;

/** Is told of memory that was changed. */
@FunctionalInterface
public interface DirtyRuns {

  /**
   * @param offset in the block, in bytes, of a whole page
   * @param length in bytes, of whole pages; within the block
   */
  void run(long offset, long length);
}
