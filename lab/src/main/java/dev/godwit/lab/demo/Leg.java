package dev.godwit.lab.demo;

import java.util.Map;

/**
 * One migration of the demo.
 *
 * @param scheme of the transport it goes over
 * @param channels how many multifd channels besides the main one; 0 without multifd
 */
record Leg(String scheme, int channels) {

  boolean isMultifd() {
    return channels > 0;
  }

  /** Saved first and restored afterwards, since nobody can be at the other end. */
  boolean isSaved() {
    return scheme.equals("file");
  }

  /** What both sides have to agree on. */
  Map<String, String> settings() {
    return isMultifd()
        ? Map.of("multifd", "on", "multifd-channels", Integer.toString(channels))
        : Map.of();
  }

  @Override
  public String toString() {
    return scheme + (isMultifd() ? ": multifd " + channels : ": plain");
  }
}
