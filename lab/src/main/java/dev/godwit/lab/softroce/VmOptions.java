package dev.godwit.lab.softroce;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * What a lab VM is like.
 *
 * @param memoryMiB its memory; half of it may hold what commands write to read-only places
 * @param cpus virtual processors; the emulator runs them in turn, on one of the host's
 * @param network what its interface is wired to
 * @param share a directory of the host's that is writable under the same path in the VM
 * @param console where everything its kernel says is kept; without it, it is gone with the VM
 * @param startLimit after which a VM that is not ready is given up
 */
public record VmOptions(
    int memoryMiB,
    int cpus,
    VmNetwork network,
    Optional<Path> share,
    Optional<Path> console,
    Duration startLimit) {

  /** 2 GiB and two processors, wired to nobody, with nothing writable. */
  public static VmOptions standard() {
    return new VmOptions(
        2048, 2, new VmNetwork.Alone(), Optional.empty(), Optional.empty(), Duration.ofMinutes(3));
  }

  /** Refuses what no VM can have. */
  public VmOptions {
    if (memoryMiB < 256 || cpus < 1) {
      throw new IllegalArgumentException(
          "A lab VM has at least 256 MiB and one processor, not " + memoryMiB + " MiB and " + cpus);
    }
  }

  /** The same with another amount of memory. */
  public VmOptions withMemory(int mebibytes) {
    return new VmOptions(mebibytes, cpus, network, share, console, startLimit);
  }

  /** The same with another number of processors. */
  public VmOptions withCpus(int number) {
    return new VmOptions(memoryMiB, number, network, share, console, startLimit);
  }

  /** The same, wired otherwise. */
  public VmOptions on(VmNetwork other) {
    return new VmOptions(memoryMiB, cpus, other, share, console, startLimit);
  }

  /** The same with a directory that is writable; it must be there. */
  public VmOptions sharing(Path directory) {
    return new VmOptions(
        memoryMiB, cpus, network, Optional.of(directory.toAbsolutePath()), console, startLimit);
  }

  /** The same, with its console kept in a file, which is overwritten. */
  public VmOptions keepingConsole(Path file) {
    return new VmOptions(
        memoryMiB, cpus, network, share, Optional.of(file.toAbsolutePath()), startLimit);
  }

  /** The same, given up after another time if it is not ready. */
  public VmOptions startingWithin(Duration limit) {
    return new VmOptions(memoryMiB, cpus, network, share, console, limit);
  }
}
