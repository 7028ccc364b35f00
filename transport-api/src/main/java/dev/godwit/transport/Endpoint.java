package dev.godwit.transport;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Where to connect or listen: a migration URI in QEMU's spelling, with settings of our own after a
 * question mark.
 *
 * <pre>
 * uri      = scheme ":" address [ "," option ]* [ "?" settings ]
 * option   = key [ "=" value ]                        as in QEMU: tcp:host:port,keep-alive=on   file:/path,offset=1M
 * settings = [ key [ "=" value ] [ "&amp;" key ... ] ]      as in tcp:host:port?throttle=100M&amp;tap=/tmp/wire
 * </pre>
 *
 * A comma that belongs to the address is doubled ({@code unix:/a,,b}), as in QEMU. An {@code exec:}
 * command has no options, so its commas stay. Settings begin at the last question mark if nothing
 * but {@code key=value} pairs follows; an address that ends in such a text is written with one more
 * {@code ?} behind it. A value holds neither {@code ?} nor {@code &}. libvirt's {@code
 * unix:///path}, {@code tcp://host:port} and {@code rdma://host:port} mean the same as {@code
 * unix:/path}, {@code tcp:host:port} and {@code rdma:host:port}.
 *
 * @param scheme in lower case, without the colon
 * @param address what is between the colon and the options, commas single again; its grammar is the
 *     scheme's own
 * @param settings options and settings in the order written
 */
public record Endpoint(String scheme, String address, Settings settings) {
  private static final Pattern SCHEME = Pattern.compile("[a-zA-Z][a-zA-Z0-9+.-]*");
  private static final Pattern SETTINGS =
      Pattern.compile("([a-z][a-z0-9-]*(=[^&?]*)?(&[a-z][a-z0-9-]*(=[^&?]*)?)*)?");
  private static final Pattern KEY = Pattern.compile("[a-z][a-z0-9-]*");
  private static final Set<String> PATHS = Set.of("unix", "file");

  /**
   * Takes a URI apart; whether its scheme exists and its address makes sense is for {@link
   * Transports} and the provider to say.
   */
  public static Endpoint parse(String uri) {
    int colon = uri.indexOf(':');
    if (colon < 0 || !SCHEME.matcher(uri.substring(0, colon)).matches()) {
      throw new EndpointException(
          "'" + uri + "' is no migration URI, which looks like tcp:host:port or unix:/path");
    }
    if (uri.indexOf('\0') >= 0 || uri.indexOf('\n') >= 0) {
      throw new EndpointException("A migration URI cannot hold a line break or a NUL byte");
    }
    String scheme = uri.substring(0, colon).toLowerCase(Locale.ROOT);
    String rest = uri.substring(colon + 1);
    List<Settings.Setting> settings = new ArrayList<>();

    int mark = rest.lastIndexOf('?');
    String after = mark < 0 ? "" : rest.substring(mark + 1);
    if (mark >= 0 && SETTINGS.matcher(after).matches()) {
      rest = rest.substring(0, mark);
    } else {
      after = "";
    }

    String address = rest;
    if (!scheme.equals("exec")) {
      List<String> parts = splitAtSingleCommas(rest);
      address = parts.getFirst();
      for (String option : parts.subList(1, parts.size())) {
        addPair(settings, option, uri);
      }
    }
    if (!after.isEmpty()) {
      for (String pair : after.split("&", -1)) {
        addPair(settings, pair, uri);
      }
    }
    return new Endpoint(scheme, withoutLibvirtSlashes(scheme, address), Settings.of(settings));
  }

  /** The same place with other settings. */
  public Endpoint with(Settings other) {
    return new Endpoint(scheme, address, other);
  }

  /** The same place under another address, for example with the port that was chosen. */
  public Endpoint at(String other) {
    return new Endpoint(scheme, other, settings);
  }

  /** A URI that parses to this endpoint. */
  @Override
  public String toString() {
    String plain = scheme.equals("exec") ? address : address.replace(",", ",,");
    if (!withoutLibvirtSlashes(scheme, plain).equals(plain)) {
      plain = "//" + plain;
    }
    if (!settings.all().isEmpty()) {
      return scheme + ":" + plain + "?" + settings;
    }
    int mark = plain.lastIndexOf('?');
    boolean ambiguous = mark >= 0 && SETTINGS.matcher(plain.substring(mark + 1)).matches();
    return scheme + ":" + plain + (ambiguous ? "?" : "");
  }

  private static void addPair(List<Settings.Setting> settings, String pair, String uri) {
    int equals = pair.indexOf('=');
    String key = equals < 0 ? pair : pair.substring(0, equals);
    if (!KEY.matcher(key).matches()) {
      throw new EndpointException(
          "'"
              + pair
              + "' in '"
              + uri
              + "' is no setting, which looks like key=value (a comma in a path is doubled)");
    }
    settings.add(new Settings.Setting(key, equals < 0 ? "" : pair.substring(equals + 1)));
  }

  private static List<String> splitAtSingleCommas(String text) {
    List<String> parts = new ArrayList<>();
    StringBuilder part = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c != ',') {
        part.append(c);
      } else if (i + 1 < text.length() && text.charAt(i + 1) == ',') {
        part.append(c);
        i++;
      } else {
        parts.add(part.toString());
        part.setLength(0);
      }
    }
    parts.add(part.toString());
    return parts;
  }

  private static String withoutLibvirtSlashes(String scheme, String address) {
    if (!address.startsWith("//") || scheme.equals("exec")) {
      return address;
    }
    // A path keeps its own leading slash; unix://a is no spelling of libvirt's, so it stays the
    // path //a.
    if (PATHS.contains(scheme)) {
      return address.startsWith("///") ? address.substring(2) : address;
    }
    return address.substring(2);
  }
}
