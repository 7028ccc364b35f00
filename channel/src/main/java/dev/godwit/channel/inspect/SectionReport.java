package dev.godwit.channel.inspect;

import dev.godwit.channel.stream.Section;
import dev.godwit.channel.stream.SectionHeader.Kind;

/**
 * One section that was read whole.
 *
 * @param offset of its header
 * @param bytes from its header to its footer, both included
 * @param inPackage whether it came in a postcopy package
 */
public record SectionReport(
    Kind kind, Section section, long offset, long bytes, boolean inPackage) {}
