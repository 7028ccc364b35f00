package dev.godwit.lab.embedded;

import java.time.Duration;

/**
 * What the guest noticed of time, by the wall clock of the host it is on.
 *
 * @param ticks how often its processors looked at the clock
 * @param longestGap the longest time in which one of its processors did not, in all its life
 * @param lastGap the time between the last look before it was last stopped and the first look after
 *     that: the blackout as the guest felt it; zero where it was never stopped
 */
public record ClockReading(long ticks, Duration longestGap, Duration lastGap) {}
