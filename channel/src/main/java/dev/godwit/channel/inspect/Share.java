package dev.godwit.channel.inspect;

/**
 * How many bytes of a stream are for one thing.
 *
 * @param part such as {@code file-header}, {@code pages-plain}, {@code device-state}
 */
public record Share(String part, long bytes) {}
