package dev.godwit.channel.inspect;

import dev.godwit.channel.stream.Section;
import java.util.Optional;

/**
 * The state of one device: the body of a FULL section.
 *
 * @param offset of the body
 * @param bytes of the body
 * @param inPackage whether it came in a postcopy package
 * @param state what it holds, where the stream describes it
 * @param undecoded why there is no {@code state}, as a sentence; empty if there is one
 */
public record DeviceReport(
    Section section,
    long offset,
    long bytes,
    boolean inPackage,
    Optional<DecodedState> state,
    String undecoded) {}
