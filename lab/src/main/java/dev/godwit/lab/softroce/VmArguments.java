package dev.godwit.lab.softroce;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** QEMU's arguments for a lab VM whose files are in one directory. */
final class VmArguments {
  /** The emulator's time stamp is as good as its other clocks, and read many times faster. */
  private static final String KERNEL =
      "console=ttyS0 quiet mitigations=off panic=-1 oops=panic tsc=reliable init_on_alloc=0";

  /** Ports between VM and host, each a socket of its name in the directory. */
  static final List<String> PORTS = List.of("control", "stdout", "stderr", "alive");

  /** The wire behind the interface: what is cut here, the VM's interface does not notice. */
  static final String WIRE = "wire";

  /** The interface's own end: what is cut here, it sees as a lost carrier. */
  static final String PLUG = "plug";

  private VmArguments() {}

  static List<String> of(VmKit.Installed kit, VmOptions options, Path directory, Path console) {
    List<String> arguments = new ArrayList<>();
    arguments.add(kit.qemu().path().toString());
    arguments.addAll(List.of("-name", "godwit-lab-vm", "-no-user-config", "-nodefaults"));
    arguments.addAll(List.of("-display", "none", "-no-reboot", "-machine", "q35"));
    // Threads of their own for the processors would run instructions that a JVM is just patching.
    arguments.addAll(List.of("-accel", "tcg,thread=single", "-cpu", "max"));
    arguments.addAll(List.of("-smp", Integer.toString(options.cpus())));
    arguments.addAll(List.of("-m", options.memoryMiB() + "M"));
    arguments.addAll(List.of("-kernel", kit.kernel().toString()));
    arguments.addAll(List.of("-initrd", kit.initramfs().toString()));
    arguments.addAll(List.of("-append", KERNEL));
    arguments.addAll(List.of("-serial", "file:" + console));
    arguments.addAll(
        List.of("-qmp", "unix:" + doubled(directory.resolve("qmp")) + ",server=on,wait=off"));
    network(arguments, options.network());
    shared(arguments, "host", Path.of("/"), ",readonly=on,multidevs=remap");
    shared(arguments, "control", directory.resolve("files"), ",readonly=on");
    options.share().ifPresent(share -> shared(arguments, "share", share, ",multidevs=remap"));
    arguments.addAll(List.of("-device", "virtio-serial-pci"));
    for (String port : PORTS) {
      arguments.addAll(
          List.of(
              "-chardev",
              "socket,id="
                  + port
                  + ",path="
                  + doubled(directory.resolve(port))
                  + ",server=on,wait=off",
              "-device",
              "virtserialport,chardev=" + port + ",name=" + port));
    }
    return arguments;
  }

  /** Between wire and interface there is a hub, so that either end can be cut alone. */
  private static void network(List<String> arguments, VmNetwork network) {
    String wire =
        switch (network) {
          case VmNetwork.Alone alone -> "user,restrict=on,ipv6=off";
          case VmNetwork.Listening end -> "stream,server=on," + address(end.socket());
          case VmNetwork.Connecting end -> "stream,server=off," + address(end.socket());
        };
    String last = network instanceof VmNetwork.Connecting ? "02" : "01";
    arguments.addAll(List.of("-netdev", wire + ",id=" + WIRE));
    arguments.addAll(List.of("-netdev", "hubport,hubid=0,id=far,netdev=" + WIRE));
    arguments.addAll(List.of("-netdev", "hubport,hubid=0,id=" + PLUG));
    arguments.addAll(
        List.of(
            "-device",
            "virtio-net-pci,netdev=" + PLUG + ",mac=52:54:00:67:77:" + last + ",romfile="));
  }

  private static String address(Path socket) {
    return "addr.type=unix,addr.path=" + doubled(socket);
  }

  private static void shared(List<String> arguments, String tag, Path path, String more) {
    arguments.addAll(
        List.of(
            "-virtfs",
            "local,path=" + doubled(path) + ",mount_tag=" + tag + ",security_model=none" + more));
  }

  /** A path inside an option list, where a comma ends a value unless it is doubled. */
  private static String doubled(Path path) {
    return path.toString().replace(",", ",,");
  }
}
