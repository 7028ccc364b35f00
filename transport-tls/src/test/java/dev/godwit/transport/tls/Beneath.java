package dev.godwit.transport.tls;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Settings;
import dev.godwit.transport.Transports;
import dev.godwit.transport.contract.Fixture;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** Channels of every provider for TLS to run over. */
final class Beneath {
  private Beneath() {}

  private static Capabilities declared(String scheme) {
    return Transports.load().of(scheme).capabilities();
  }

  /** Ports of the loopback that the system chooses. */
  static final class Tcp implements Fixture {
    private final List<ServerSocket> silent = new ArrayList<>();

    @Override
    public Capabilities capabilities() {
      return declared("tcp");
    }

    @Override
    public Endpoint address() {
      return Endpoint.parse("tls:127.0.0.1:0");
    }

    /** Connects, and then says nothing. */
    @Override
    public Optional<Endpoint> stalledTarget() throws IOException {
      ServerSocket socket = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"));
      silent.add(socket);
      return Optional.of(Endpoint.parse("tls:127.0.0.1:" + socket.getLocalPort()));
    }

    @Override
    public void close() throws IOException {
      for (ServerSocket socket : silent) {
        socket.close();
      }
    }
  }

  /** Sockets in a directory of the test. */
  static final class Unix implements Fixture {
    private final Path directory;
    private int made;

    Unix(Path directory) {
      this.directory = directory;
    }

    @Override
    public Capabilities capabilities() {
      return declared("unix");
    }

    @Override
    public Endpoint address() {
      return Endpoint.parse("unix:" + directory.resolve("s" + made++));
    }
  }

  /** Names of this process that nobody else uses. */
  static final class Memory implements Fixture {
    @Override
    public Capabilities capabilities() {
      return declared("mem");
    }

    @Override
    public Endpoint address() {
      return Endpoint.parse("mem:" + UUID.randomUUID());
    }
  }

  /** Two commands, each with a process a direction, joined by named pipes. */
  static final class Exec implements Fixture {
    private final Path directory;
    private int made;

    Exec(Path directory) {
      this.directory = directory;
    }

    @Override
    public Capabilities capabilities() {
      return declared("exec");
    }

    @Override
    public Endpoint address() throws IOException, InterruptedException {
      String there = directory.resolve("there" + made).toString();
      String back = directory.resolve("back" + made++).toString();
      if (new ProcessBuilder("mkfifo", there, back).start().waitFor() != 0) {
        throw new IOException("mkfifo failed");
      }
      return bridge(there, back);
    }

    @Override
    public Endpoint target(Endpoint local) {
      String[] words = local.address().split(" ", -1);
      return bridge(words[words.length - 1], words[1]).with(local.settings());
    }

    private static Endpoint bridge(String from, String to) {
      return Endpoint.parse("exec:cat " + from + " & exec cat > " + to);
    }

    @Override
    public boolean rebinds() {
      return false;
    }
  }

  /** Both ends of socket pairs, open as if they had been inherited. */
  static final class Descriptors implements Fixture {
    private static final int UNIX = 1;
    private static final int STREAM = 1;

    private final Map<String, Integer> partners = new HashMap<>();

    @Override
    public Capabilities capabilities() {
      return declared("fd");
    }

    @Override
    public Endpoint address() {
      try (Arena arena = Arena.ofConfined()) {
        Linker linker = Linker.nativeLinker();
        MemorySegment pair = arena.allocate(ValueLayout.JAVA_INT, 2);
        int made =
            (int)
                linker
                    .downcallHandle(
                        linker.defaultLookup().findOrThrow("socketpair"),
                        FunctionDescriptor.of(
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT,
                            ValueLayout.ADDRESS))
                    .invokeExact(UNIX, STREAM, 0, pair);
        if (made != 0) {
          throw new AssertionError("socketpair failed");
        }
        String here = Integer.toString(pair.getAtIndex(ValueLayout.JAVA_INT, 0));
        partners.put(here, pair.getAtIndex(ValueLayout.JAVA_INT, 1));
        return new Endpoint("fd", here, Settings.none());
      } catch (Throwable e) {
        throw new AssertionError("There are no descriptors to test with", e);
      }
    }

    @Override
    public Endpoint target(Endpoint local) {
      return local.at(String.valueOf(partners.get(local.address())));
    }

    @Override
    public boolean rebinds() {
      return false;
    }
  }
}
