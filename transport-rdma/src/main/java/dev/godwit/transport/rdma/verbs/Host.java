package dev.godwit.transport.rdma.verbs;

import dev.godwit.transport.Availability;
import dev.godwit.transport.ChannelException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** What this host has and lacks, in sentences that say how to get it. */
final class Host {
  private static final int ENOSYS = 38;
  private static final int CAP_IPC_LOCK = 14;

  private final Path root;

  /**
   * @param root where {@code dev}, {@code proc} and {@code sys} are
   */
  Host(Path root) {
    this.root = root;
  }

  /** What this host lacks first, if anything. */
  Availability availability() {
    try {
      Devices devices = new Devices(Libraries.load());
      List<String> names = names(devices);
      if (names.isEmpty()) {
        return Availability.unavailable(noDevice());
      }
      Path manager = root.resolve("dev/infiniband/rdma_cm");
      if (!Files.exists(manager)) {
        return Availability.unavailable(
            "This kernel has no connection manager for RDMA: modprobe rdma_ucm");
      }
      if (!Files.isReadable(manager) || !Files.isWritable(manager)) {
        return Availability.unavailable(notAllowed(manager));
      }
      List<Device> opened = devices.all();
      return opened.isEmpty()
          ? Availability.unavailable(notAllowed(root.resolve("dev/infiniband/uverbs*")))
          : ofPorts(opened);
    } catch (IOException e) {
      return Availability.unavailable(String.valueOf(e.getMessage()));
    }
  }

  private static List<String> names(Devices devices) throws IOException {
    try {
      return devices.names();
    } catch (ChannelException.Native e) {
      throw e.errno() == ENOSYS
          ? new ChannelException.Unsupported(
              "This kernel has no RDMA: modprobe ib_uverbs rdma_ucm and the driver of the device,"
                  + " for software RDMA rdma_rxe")
          : e;
    }
  }

  private String noDevice() {
    List<String> known = entries(root.resolve("sys/class/infiniband"));
    return known.isEmpty()
        ? "This host has no RDMA device: load its driver, or make a software one with"
            + " rdma link add rxe0 type rxe netdev INTERFACE"
        : "The library has no driver for "
            + String.join(", ", known)
            + ": install the providers of rdma-core (Debian: apt-get install ibverbs-providers)";
  }

  private static String notAllowed(Path file) {
    return "This user may not read and write "
        + file
        + ": allow it by a rule of udev, or with chmod a+rw";
  }

  private static Availability ofPorts(List<Device> devices) {
    if (devices.stream().anyMatch(Device::isUsable)) {
      return Availability.available();
    }
    String states =
        devices.stream()
            .flatMap(device -> device.ports().stream().map(port -> state(device, port)))
            .collect(Collectors.joining(", "));
    return Availability.unavailable(
        "No port of an RDMA device is active ("
            + states
            + "): plug in the cable, set its interface up, and over InfiniBand start a subnet"
            + " manager");
  }

  private static String state(Device device, Port port) {
    return device.name() + " port " + port.number() + " is " + port.stateName();
  }

  /**
   * How many bytes this process may lock, {@link Long#MAX_VALUE} if as many as it likes; also if
   * the kernel does not tell.
   */
  long lockableBytes() {
    for (String line : lines(root.resolve("proc/self/status"))) {
      if (line.startsWith("CapEff:")) {
        long effective = Long.parseUnsignedLong(line.substring("CapEff:".length()).strip(), 16);
        if ((effective >>> CAP_IPC_LOCK & 1) == 1) {
          return Long.MAX_VALUE;
        }
      }
    }
    for (String line : lines(root.resolve("proc/self/limits"))) {
      if (line.startsWith("Max locked memory")) {
        String soft = line.substring("Max locked memory".length()).strip().split("\\s+", 2)[0];
        return soft.equals("unlimited") ? Long.MAX_VALUE : Long.parseLong(soft);
      }
    }
    return Long.MAX_VALUE;
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      return List.of();
    }
  }

  private static List<String> entries(Path directory) {
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
      List<String> names = new ArrayList<>();
      stream.forEach(entry -> names.add(entry.getFileName().toString()));
      return names;
    } catch (IOException e) {
      return List.of();
    }
  }
}
