package dev.godwit.migration.engine;

import dev.godwit.channel.multifd.MultifdCompression;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.stream.Configuration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What two Godwits must be set up alike in, as the stream's configuration tells it: capabilities
 * with names of our own, so that a destination that is set up in another way says so at once.
 *
 * @param handover the source gives the guest up only once the destination is ready for it
 * @param wholePages a huge page travels as one
 * @param multifd channels and their compression, such as {@code 4,zstd}; empty where there are none
 */
record Agreement(boolean handover, boolean wholePages, Optional<String> multifd) {
  private static final String MULTIFD = "x-godwit-multifd=";

  /** Whether a destination can do what that capability asks for, of those that a stream names. */
  static boolean knows(String capability) {
    return capability.equals(Configuration.HANDOVER)
        || capability.equals(Configuration.WHOLE_PAGES)
        || capability.startsWith(MULTIFD);
  }

  /** How multifd is told. */
  static Optional<String> multifd(Optional<MultifdSettings> settings) {
    return settings.map(s -> told(s.channels(), s.compression()));
  }

  private static String told(int channels, MultifdCompression compression) {
    return channels + "," + compression;
  }

  /** What a source has told. */
  static Agreement of(Optional<Configuration> configuration) {
    return new Agreement(
        Configuration.demands(configuration, Configuration.HANDOVER),
        Configuration.demands(configuration, Configuration.WHOLE_PAGES),
        configuration.flatMap(Configuration::capabilities).orElse(List.of()).stream()
            .filter(name -> name.startsWith(MULTIFD))
            .map(name -> name.substring(MULTIFD.length()))
            .findFirst());
  }

  /** As capabilities; empty where there is nothing to tell, as to a QEMU. */
  Optional<List<String>> capabilities() {
    List<String> names = new ArrayList<>();
    if (handover) {
      names.add(Configuration.HANDOVER);
    }
    if (wholePages) {
      names.add(Configuration.WHOLE_PAGES);
    }
    multifd.ifPresent(told -> names.add(MULTIFD + told));
    return names.isEmpty() ? Optional.empty() : Optional.of(names);
  }
}
