package dev.godwit.transport;

import java.util.Optional;

/** Knows of ways between channels that are quicker than reading and writing; found as a service. */
public interface ShortcutProvider {

  /**
   * A shortcut from {@code from} to {@code to}, which the caller closes.
   *
   * @param lastBytes how many of the last bytes of each piece are to be seen, see {@link
   *     Shortcut#last}
   * @return empty if this provider knows none, also where layers have something to do with the
   *     bytes
   */
  Optional<Shortcut> between(Channel from, Channel to, int lastBytes);
}
