package dev.godwit.channel.inspect;

/**
 * What sections besides that of memory moved of one disk, or of one of its dirty bitmaps
 * (qemu-wire.md §3.10).
 *
 * @param section {@code block} or {@code dirty-bitmap}
 * @param disk the disk, or the alias of its node
 * @param bitmap alias of the dirty bitmap; empty if this is the disk itself
 * @param chunks how many there were
 * @param zeroChunks those of them that say zero, without data
 * @param dataBytes in the others
 */
public record DiskReport(
    String section, String disk, String bitmap, long chunks, long zeroChunks, long dataBytes) {}
