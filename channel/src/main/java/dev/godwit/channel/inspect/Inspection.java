package dev.godwit.channel.inspect;

import java.util.List;
import java.util.Optional;

/**
 * What is in one migration.
 *
 * @param main its main channel, or the recording of it
 * @param multifd the others by their ids, where it came over several
 */
public record Inspection(StreamReport main, List<MultifdReport> multifd) {
  public Inspection {
    multifd = List.copyOf(multifd);
  }

  /** Why it could not be read to its end; what broke one channel broke the others off. */
  public Optional<Damage> damage() {
    return multifd.stream()
        .flatMap(channel -> channel.damage().stream())
        .findFirst()
        .or(main::damage);
  }
}
