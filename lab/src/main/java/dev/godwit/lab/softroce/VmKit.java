package dev.godwit.lab.softroce;

import dev.godwit.lab.guest.QemuBinary;
import dev.godwit.lab.guest.QemuVersion;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Whether this host has what the lab VM is made of. {@code lab/softroce/install} provides it. */
public sealed interface VmKit {
  /**
   * All of it.
   *
   * @param qemu that runs the VM
   * @param kernel that it boots
   * @param initramfs with the kernel's modules
   */
  record Installed(QemuBinary.Installed qemu, Path kernel, Path initramfs) implements VmKit {}

  /**
   * Something is missing.
   *
   * @param cause one sentence, with what provides it
   */
  record Absent(String cause) implements VmKit {}

  /** Looks where {@code lab/softroce/install} and {@code lab/qemu/install} put it. */
  static VmKit find() {
    return find(System.getenv());
  }

  /** Looks as {@link #find()} does, in another environment. */
  static VmKit find(Map<String, String> environment) {
    Path made = cache(environment).resolve("softroce").resolve("current");
    Path kernel = made.resolve("vmlinuz");
    Path initramfs = made.resolve("initramfs");
    if (!Files.isReadable(kernel) || !Files.isReadable(initramfs)) {
      return new Absent(
          "The lab VM's kernel and initramfs are not in "
              + made
              + "; lab/softroce/install puts them there");
    }
    return switch (QemuBinary.find(QemuVersion.V7_2, environment)) {
      case QemuBinary.Absent absent -> new Absent(absent.cause());
      case QemuBinary.Installed qemu -> new Installed(qemu, kernel, initramfs);
    };
  }

  /**
   * All of it, for callers that cannot do without.
   *
   * @throws VmException.Unavailable with the cause if something is missing
   */
  static Installed require() throws VmException {
    return switch (find()) {
      case Installed installed -> installed;
      case Absent absent -> throw new VmException.Unavailable(absent.cause());
    };
  }

  private static Path cache(Map<String, String> environment) {
    String own = environment.getOrDefault("GODWIT_CACHE", "");
    if (!own.isEmpty()) {
      return Path.of(own);
    }
    String shared = environment.getOrDefault("XDG_CACHE_HOME", "");
    return shared.isEmpty()
        ? Path.of(environment.getOrDefault("HOME", "/"), ".cache", "godwit")
        : Path.of(shared, "godwit");
  }
}
