package dev.godwit.transport;

/**
 * The address of schemes that name a host: {@code host:port}, {@code [v6]:port}, and {@code :port}
 * or {@code 0:port} for every address of this host.
 *
 * @param host a name or an address without brackets; empty means every address when listening
 * @param port 0 to 65535; 0 lets the system choose when listening
 */
public record HostPort(String host, int port) {

  /** Parses the address of {@code endpoint}. */
  public static HostPort of(Endpoint endpoint) {
    String text = endpoint.address();
    int colon = text.lastIndexOf(':');
    String host = colon < 0 ? text : text.substring(0, colon);
    if (host.startsWith("[") && host.endsWith("]")) {
      host = host.substring(1, host.length() - 1);
      if (host.indexOf(':') < 0) {
        throw new EndpointException("'" + host + "' in '" + endpoint + "' is no IPv6 address");
      }
    } else if (host.indexOf(':') >= 0) {
      throw new EndpointException(
          "An IPv6 address stands in brackets, as in "
              + endpoint.scheme()
              + ":[::1]:4444, not '"
              + endpoint
              + "'");
    }
    if (colon < 0) {
      throw new EndpointException(
          "'" + endpoint + "' has no port, write " + endpoint.scheme() + ":host:port");
    }
    String port = text.substring(colon + 1);
    if (!port.matches("[0-9]{1,5}") || Integer.parseInt(port) > 65535) {
      throw new EndpointException(
          "'" + port + "' in '" + endpoint + "' is no port, which is a number from 0 to 65535");
    }
    return new HostPort(host.equals("0") ? "" : host, Integer.parseInt(port));
  }

  /** As it stands in a URI. */
  @Override
  public String toString() {
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }
}
