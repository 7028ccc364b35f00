package dev.godwit.lab.softroce;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class VmKitTest {
  @TempDir private Path cache;

  @Test
  void aHostWithoutTheKernelIsToldWhatGetsIt() {
    assertThat(VmKit.find(Map.of("GODWIT_CACHE", cache.toString())))
        .isEqualTo(
            new VmKit.Absent(
                "The lab VM's kernel and initramfs are not in "
                    + cache
                    + "/softroce/current; lab/softroce/install puts them there"));
  }

  @Test
  void aHostWithoutQemuIsToldSo() throws Exception {
    Path made = Files.createDirectories(cache.resolve("softroce/current"));
    Files.createFile(made.resolve("vmlinuz"));
    Files.createFile(made.resolve("initramfs"));
    String nowhere = cache.resolve("qemu").toString();

    VmKit kit = VmKit.find(Map.of("GODWIT_CACHE", cache.toString(), "GODWIT_QEMU_7_2", nowhere));

    assertThat(kit).isInstanceOf(VmKit.Absent.class).asString().contains("lab/qemu/install");
  }
}
