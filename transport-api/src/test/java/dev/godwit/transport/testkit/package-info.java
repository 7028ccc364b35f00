/**
 * What tests of every module share: seeds that are printed, waits under a deadline, threads that
 * report what they threw, and a count of what was left open.
 *
 * <p>Nothing here knows a provider, and nothing here sleeps.
 */
@NullMarked
package dev.godwit.transport.testkit;

import org.jspecify.annotations.NullMarked;
