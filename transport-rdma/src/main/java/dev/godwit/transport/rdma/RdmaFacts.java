package dev.godwit.transport.rdma;

import dev.godwit.transport.HostFact;
import dev.godwit.transport.rdma.verbs.Device;
import dev.godwit.transport.rdma.verbs.Port;
import dev.godwit.transport.rdma.verbs.Verbs;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What this host has for RDMA: the ports of its devices, and how much memory this process may lock.
 * Most is read from the kernel's own files, which tell it to users who may not open a device too.
 */
final class RdmaFacts {
  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,3}");
  private static final Pattern GIGABITS = Pattern.compile("([0-9.]+) Gb/sec.*");
  private static final Pattern ZEROS = Pattern.compile("((^|:)0(?=:|$)){2,}:?");
  private static final double BYTES_IN_GIGABIT = 1e9 / Byte.SIZE;

  private static final Pattern HUGE = Pattern.compile("hugepages-([0-9]{1,12})kB");
  private static final int MIB_IN_KIB = 1 << 10;

  private final Path devices;
  private final Path hugePages;
  private final List<Device> opened;
  private final long lockableBytes;

  /**
   * @param root where {@code sys} is
   * @param opened devices that this process can open
   * @param lockableBytes how much memory it may lock; {@link Long#MAX_VALUE} for any
   */
  RdmaFacts(Path root, List<Device> opened, long lockableBytes) {
    this.devices = root.resolve("sys/class/infiniband");
    this.hugePages = root.resolve("sys/kernel/mm/hugepages");
    this.opened = List.copyOf(opened);
    this.lockableBytes = lockableBytes;
  }

  static RdmaFacts ofThisHost() {
    List<Device> opened;
    try {
      opened = Verbs.install().devices();
    } catch (IOException e) {
      // What the transport's availability says.
      opened = List.of();
    }
    return new RdmaFacts(Path.of("/"), opened, Verbs.lockableBytes());
  }

  /** The ports in the order of their names and numbers, then huge pages, then the limit. */
  List<HostFact> all() {
    List<HostFact> facts = new ArrayList<>();
    for (String device : entries(devices)) {
      for (String port : entries(devices.resolve(device).resolve("ports"))) {
        if (NUMBER.matcher(port).matches()) {
          facts.add(port(device, Integer.parseInt(port)));
        }
      }
    }
    facts.addAll(hugePages());
    facts.add(lockedMemory());
    return facts;
  }

  private HostFact port(String device, int number) {
    Path port = devices.resolve(device).resolve("ports/" + number);
    String state =
        line(port.resolve("state")).replaceFirst("^[0-9]+: ", "").toLowerCase(Locale.ROOT);
    String linkLayer = line(port.resolve("link_layer"));
    String speed = line(port.resolve("rate"));
    List<String> interfaces = interfaces(port);
    List<String> gids = gids(port);
    Map<String, Object> members = new TreeMap<>();
    members.put("device", device);
    members.put("port", number);
    members.put("state", state);
    members.put("active", state.equals("active"));
    members.put("link-layer", linkLayer.toLowerCase(Locale.ROOT));
    members.put("interfaces", interfaces);
    members.put("gids", gids);
    StringBuilder sentence = new StringBuilder();
    sentence.append(device).append(" port ").append(number).append(" is ").append(state);
    sentence.append(": ").append(linkLayer);
    if (!interfaces.isEmpty()) {
      sentence.append(" on ").append(String.join(", ", interfaces));
    }
    Matcher gigabits = GIGABITS.matcher(speed);
    if (gigabits.matches()) {
      sentence.append(", ").append(speed);
      members.put(
          "bytes-per-second", Math.round(Double.parseDouble(gigabits.group(1)) * BYTES_IN_GIGABIT));
    }
    mtuBytes(device, number)
        .ifPresent(
            bytes -> {
              sentence.append(", MTU ").append(bytes);
              members.put("mtu-bytes", bytes);
            });
    sentence.append(gids.isEmpty() ? ", no GID" : ", GIDs " + String.join(" ", gids));
    return new HostFact("port", sentence.toString(), members);
  }

  private Optional<Integer> mtuBytes(String device, int number) {
    return opened.stream()
        .filter(each -> each.name().equals(device))
        .flatMap(each -> each.ports().stream())
        .filter(port -> port.number() == number)
        .map(Port::activeMtuBytes)
        .filter(bytes -> bytes > 0)
        .findFirst();
  }

  /** The network interfaces that its addresses are of; over InfiniBand none. */
  private static List<String> interfaces(Path port) {
    Path attributes = port.resolve("gid_attrs/ndevs");
    return entries(attributes).stream()
        .map(index -> line(attributes.resolve(index)))
        .filter(name -> !name.isEmpty())
        .distinct()
        .toList();
  }

  /** Those that are set, each once, IPv4 addresses as such. */
  private static List<String> gids(Path port) {
    Path table = port.resolve("gids");
    return entries(table).stream()
        .map(index -> line(table.resolve(index)))
        .filter(gid -> gid.matches("[0-9a-f:]*[1-9a-f][0-9a-f:]*"))
        .map(RdmaFacts::address)
        .distinct()
        .toList();
  }

  private static String address(String gid) {
    try {
      String text = InetAddress.ofLiteral(gid).getHostAddress();
      return ZEROS.matcher(text).replaceFirst("::");
    } catch (IllegalArgumentException e) {
      return gid;
    }
  }

  /** Those that are set aside, of each size. */
  private List<HostFact> hugePages() {
    List<HostFact> facts = new ArrayList<>();
    for (String size : entries(hugePages)) {
      Matcher name = HUGE.matcher(size);
      int pages = number(hugePages.resolve(size).resolve("nr_hugepages"));
      if (name.matches() && pages > 0) {
        int free = number(hugePages.resolve(size).resolve("free_hugepages"));
        long kib = Long.parseLong(name.group(1));
        facts.add(
            new HostFact(
                "huge-pages",
                String.format(
                    Locale.ROOT,
                    "%,d huge pages of %s are set aside, %,d of them free: guest memory in them registers many times faster",
                    pages,
                    kib % MIB_IN_KIB == 0 ? kib / MIB_IN_KIB + " MiB" : kib + " KiB",
                    free),
                Map.of("page-bytes", kib * 1024, "pages", pages, "free", free)));
      }
    }
    return facts;
  }

  private static int number(Path file) {
    String text = line(file);
    return text.matches("[0-9]{1,9}") ? Integer.parseInt(text) : 0;
  }

  private HostFact lockedMemory() {
    if (lockableBytes == Long.MAX_VALUE) {
      return new HostFact(
          "locked-memory",
          "This process may lock as much memory as it likes",
          Map.of("unlimited", true));
    }
    return new HostFact(
        "locked-memory",
        String.format(
            Locale.ROOT,
            "This process may lock %,d bytes of memory, and registers guest memory in half of that: %s",
            lockableBytes,
            MemoryLimit.remedy()),
        Map.of("unlimited", false, "bytes", lockableBytes));
  }

  private static String line(Path file) {
    try {
      return Files.readString(file).strip();
    } catch (IOException e) {
      // The kernel refuses to read entries of its tables that are not set.
      return "";
    }
  }

  private static List<String> entries(Path directory) {
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
      List<String> names = new ArrayList<>();
      stream.forEach(entry -> names.add(entry.getFileName().toString()));
      // Numbers in their order, not 10 before 2.
      names.sort(Comparator.comparingInt(String::length).thenComparing(Comparator.naturalOrder()));
      return names;
    } catch (IOException e) {
      return List.of();
    }
  }
}
