package dev.godwit.transport.fd;

import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The descriptors that systemd handed to this process, by the names of their units, as
 * sd_listen_fds(3) describes: {@code LISTEN_PID} is this process, {@code LISTEN_FDS} says how many
 * there are from 3 on, {@code LISTEN_FDNAMES} what they are called.
 *
 * @param names of descriptor 3, 4, and so on
 */
record ActivatedNames(List<String> names) {
  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,9}");
  private static final int FIRST = 3;

  ActivatedNames {
    names = List.copyOf(names);
  }

  static ActivatedNames ofThisProcess() {
    return of(System.getenv(), ProcessHandle.current().pid());
  }

  static ActivatedNames of(Map<String, String> environment, long pid) {
    String count = environment.getOrDefault("LISTEN_FDS", "");
    if (!environment.getOrDefault("LISTEN_PID", "").equals(Long.toString(pid))
        || !NUMBER.matcher(count).matches()) {
      return new ActivatedNames(List.of());
    }
    String[] given = environment.getOrDefault("LISTEN_FDNAMES", "").split(":", -1);
    List<String> names = new ArrayList<>();
    for (int i = 0; i < Integer.parseInt(count); i++) {
      names.add(i < given.length && !given[i].isEmpty() ? given[i] : "unknown");
    }
    return new ActivatedNames(names);
  }

  /** The number of the descriptor that {@code endpoint} means. */
  int number(Endpoint endpoint) {
    String address = endpoint.address();
    if (NUMBER.matcher(address).matches()) {
      return Integer.parseInt(address);
    }
    if (address.isEmpty()) {
      throw new EndpointException(
          "'" + endpoint + "' has no descriptor, write fd:3 or the name that systemd gave it");
    }
    int index = names.indexOf(address);
    if (index < 0) {
      throw new EndpointException(
          "systemd gave this process no descriptor named '"
              + address
              + "'"
              + (names.isEmpty() ? "" : ", there are " + String.join(", ", names)));
    }
    if (index != names.lastIndexOf(address)) {
      throw new EndpointException(
          "systemd gave this process several descriptors named '"
              + address
              + "', say which by its number");
    }
    return FIRST + index;
  }
}
