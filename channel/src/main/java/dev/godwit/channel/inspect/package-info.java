/**
 * What is in a migration: its streams read without holding the guest's memory, and told as records
 * that nobody changes.
 *
 * <p>Content of pages is counted and stepped over, device state is kept up to a limit and decoded
 * by the stream's own description. Every byte is counted under one heading, so that the sizes of a
 * report add up to the stream's. A damaged stream gives the report of what could be read until
 * there. Nothing here prints, decides what a user wants to see, or knows what a channel leads to,
 * but that some channels have positions.
 */
@NullMarked
package dev.godwit.channel.inspect;

import org.jspecify.annotations.NullMarked;
