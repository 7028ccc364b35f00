package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.softroce.GuestCommand;
import dev.godwit.lab.softroce.GuestOutput;
import dev.godwit.lab.softroce.SoftRoceTests;
import dev.godwit.lab.softroce.SoftRoceVm;
import dev.godwit.lab.softroce.VmOptions;
import dev.godwit.transport.Deadline;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A device whose port goes down, and one that is taken away, in the middle of a transfer: both ends
 * say so in time and leave nothing, and with a new device the next transfer works. In a VM of its
 * own, since no other test could go on meanwhile.
 */
final class DeviceLossTest {
  private static final Duration LIMIT = Duration.ofMinutes(4);
  private static final String NEW_DEVICE = "rdma link add rxe0 type rxe netdev eth0";

  @Test
  @Timeout(value = 6, unit = TimeUnit.MINUTES)
  void bothEndsNoticeAndTheNextTransferWorks() throws Exception {
    GuestOutput output = new GuestOutput();
    int status;
    try (SoftRoceVm vm = SoftRoceVm.start(VmOptions.standard().withMemory(1024))) {
      status =
          vm.run(
              GuestCommand.shell(
                      String.join(
                          " && ",
                          program(vm.address()) + " PORT",
                          "ip link set eth0 up",
                          // After datagrams that had no route its connection manager stays mute.
                          "rdma link delete rxe0",
                          NEW_DEVICE,
                          program(vm.address()) + " AFTERWARDS REMOVAL",
                          // The kernel takes the device away once nobody has it open.
                          "while [ -e /sys/class/infiniband/rxe0 ]; do sleep 0.1; done",
                          NEW_DEVICE))
                  .with("CLASSPATH", SoftRoceTests.classPath()),
              output,
              output,
              Deadline.after(LIMIT));
    } catch (Exception | AssertionError e) {
      e.addSuppressed(new AssertionError(output.text()));
      throw e;
    }

    List<String> lines = output.text().lines().toList();
    assertThat(status).as(output.text()).isZero();
    for (String end : List.of("dialer", "listener")) {
      assertThat(lines)
          .anyMatch(line -> line.startsWith("PORT losing " + end + " Lost: "))
          .anyMatch(line -> line.startsWith("REMOVAL losing " + end + " Lost: "));
    }
    // Both are on that device, so one of them may hear of the other's end before.
    assertThat(lines).anyMatch(line -> line.matches("REMOVAL losing .* (was removed|gave up).*"));
    assertThat(lines).contains("PORT over", "REMOVAL over", "AFTERWARDS worked");
  }

  private static String program(String address) {
    return Stream.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx128m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",
            "--enable-native-access=ALL-UNNAMED",
            "-Dgodwit.slowness=5",
            DeviceEnd.class.getName(),
            address)
        .collect(Collectors.joining(" "));
  }
}
