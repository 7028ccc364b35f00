package dev.godwit.channel.multifd;

/**
 * Where the sync marks of a migration stand and how its packets are filled (qemu-wire.md §4.4,
 * §4.6). Both sides take it from the machine type; a reader of packets takes either.
 */
public enum Dialect {
  /**
   * QEMU 7.2, and any later with a machine type up to 8.0: each EOS of the main channel is a sync
   * mark; zero pages are records of the main channel; fields that mean nothing are left as they
   * were.
   */
  V7_2,
  /**
   * QEMU 10.0 with a machine type from 8.1 on: the word 0x200 of the main channel is the sync mark;
   * packets may list zero pages; a packet that says nothing but SYNC is otherwise zero.
   */
  V10_0
}
