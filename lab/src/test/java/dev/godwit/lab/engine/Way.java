package dev.godwit.lab.engine;

import java.nio.file.Path;
import java.util.List;

/**
 * A way from a source to a destination.
 *
 * @param listen where the destination listens
 * @param dial what the source dials; empty if that is where the destination listens
 * @param many whether it carries several channels
 */
record Way(String listen, String dial, boolean many) {
  static final Way MEM = new Way("mem:{name}", "", true);
  static final Way DIRECT = new Way("mem:{name}?placement=direct", "", true);

  /** The reader comes late to all that is placed. */
  static final Way DELAYED = new Way("mem:{name}?placement=direct&fault=delay:1ms", "", true);

  static final Way TCP = new Way("tcp:127.0.0.1:0", "", true);
  static final Way UNIX = new Way("unix:{dir}/in.sock", "", true);
  static final Way EXEC =
      new Way("unix:{dir}/exec.sock", "exec:socat - UNIX-CONNECT:{dir}/exec.sock", false);
  static final Way FILE = new Way("file:{dir}/guest.img", "file:{dir}/guest.img", false);

  /** One a provider, and those that place. */
  static final List<Way> ALL = List.of(MEM, DIRECT, DELAYED, TCP, UNIX, EXEC, FILE);

  private static int names;

  /** The same with names of its own. */
  Way in(Path directory) {
    String name;
    synchronized (Way.class) {
      name = "engine-" + ++names;
    }
    return new Way(named(listen, directory, name), named(dial, directory, name), many);
  }

  private static String named(String uri, Path directory, String name) {
    return uri.replace("{dir}", directory.toString()).replace("{name}", name);
  }

  /** Whether it is written as a whole before it is read. */
  boolean isFile() {
    return dial.startsWith("file:");
  }

  @Override
  public String toString() {
    return dial.isEmpty() ? listen : dial;
  }
}
