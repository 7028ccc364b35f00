package dev.godwit.lab.softroce;

import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Two lab VMs on one wire, owned: {@link #close} ends both. They boot at the same time, each on a
 * processor of the host's.
 */
public final class VmPair implements AutoCloseable {
  private static final Path UNIX_SOCKETS = Path.of("/proc/net/unix");
  private static final String ACCEPTS_CONNECTIONS = " 00010000 "; // the flag __SO_ACCEPTCON

  private final VmDirectory directory;
  private final SoftRoceVm first;
  private final SoftRoceVm second;

  private VmPair(VmDirectory directory, SoftRoceVm first, SoftRoceVm second) {
    this.directory = directory;
    this.first = first;
    this.second = second;
  }

  /**
   * Boots both and returns when both take commands.
   *
   * @param options of either, but for the network; a console kept gets the suffix of its VM
   * @throws VmException as {@link SoftRoceVm#start}
   */
  public static VmPair start(VmOptions options) throws IOException, InterruptedException {
    Deadline deadline = Deadline.after(options.startLimit());
    VmDirectory directory = VmDirectory.create();
    Path wire = directory.path().resolve("wire");
    boolean started = false;
    try {
      SoftRoceVm first = SoftRoceVm.launch(end(options, new VmNetwork.Listening(wire)), deadline);
      try {
        awaitListener(wire, first, deadline);
        SoftRoceVm second =
            SoftRoceVm.launch(end(options, new VmNetwork.Connecting(wire)), deadline);
        try {
          first.awaitReady(deadline);
          second.awaitReady(deadline);
          started = true;
          return new VmPair(directory, first, second);
        } finally {
          closeUnless(started, second);
        }
      } finally {
        closeUnless(started, first);
      }
    } finally {
      if (!started) {
        directory.close();
      }
    }
  }

  private static VmOptions end(VmOptions options, VmNetwork network) {
    VmOptions end = options.on(network);
    return options.console().isPresent()
        ? end.keepingConsole(Path.of(options.console().get() + "." + network.hostname()))
        : end;
  }

  /** QEMU binds and listens on a thread of its own. */
  private static void awaitListener(Path wire, SoftRoceVm first, Deadline deadline)
      throws IOException, InterruptedException {
    while (!listening(wire)) {
      if (deadline.hasPassed() || first.awaitEnd(SoftRoceVm.BETWEEN_LOOKS)) {
        throw new VmException.Ended("The first VM does not listen for the second", null);
      }
    }
  }

  private static boolean listening(Path wire) throws IOException {
    return Files.readAllLines(UNIX_SOCKETS, StandardCharsets.ISO_8859_1).stream()
        .anyMatch(line -> line.contains(ACCEPTS_CONNECTIONS) && line.endsWith(" " + wire));
  }

  /** The VM at 10.7.0.1. */
  public SoftRoceVm first() {
    return first;
  }

  /** The VM at 10.7.0.2. */
  public SoftRoceVm second() {
    return second;
  }

  @Override
  public void close() throws IOException {
    try (first;
        second) {
      // Closes both, whatever happens to either.
    } finally {
      directory.close();
    }
  }

  private static void closeUnless(boolean started, SoftRoceVm vm) throws IOException {
    if (!started) {
      vm.close();
    }
  }
}
