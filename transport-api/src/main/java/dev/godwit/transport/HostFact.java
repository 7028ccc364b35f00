package dev.godwit.transport;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * Something of this host that a transport works with, such as a port of a device or a limit, for
 * whoever sets the host up.
 *
 * @param kind what it is, in a word such as {@code port}; several facts may be of one kind
 * @param sentence for people
 * @param members the same for programs: texts, booleans, whole numbers of bytes or bytes a second,
 *     and lists of texts
 */
public record HostFact(String kind, String sentence, Map<String, Object> members) {
  public HostFact {
    members = Collections.unmodifiableMap(new TreeMap<>(members));
  }
}
