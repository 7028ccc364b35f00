package dev.godwit.lab.softroce;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.NetworkInterface;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What every other test in the VM counts on. */
@Tag(SoftRoceTests.TAG)
final class DeviceTest {
  private static final Path DEVICE = Path.of("/sys/class/infiniband/rxe0");

  @Test
  void theDeviceIsThereAndItsPortIsActive() throws Exception {
    assertThat(DEVICE.resolve("ports/1/state")).content().isEqualTo("4: ACTIVE\n");
    assertThat(DEVICE.resolve("ports/1/link_layer")).content().isEqualTo("Ethernet\n");
  }

  @Test
  void theAddressOfTheDeviceIsGivenToTests() throws Exception {
    var address = InetAddress.getByName(System.getProperty("godwit.rdma.address"));

    NetworkInterface eth0 = NetworkInterface.getByName("eth0");
    assertThat(eth0.inetAddresses()).contains(address, InetAddress.getByName("fd00::15"));
    assertThat(eth0.getMTU()).isEqualTo(4300);
  }

  @Test
  void lockedMemoryIsUnlimited() throws Exception {
    assertThat(Path.of("/proc/self/limits"))
        .content()
        .containsPattern("Max locked memory +unlimited +unlimited");
    assertThat(Files.isWritable(Path.of("/dev/infiniband/rdma_cm"))).isTrue();
    assertThat(Files.isWritable(Path.of("/dev/infiniband/uverbs0"))).isTrue();
  }
}
