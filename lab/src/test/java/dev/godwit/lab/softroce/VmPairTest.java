package dev.godwit.lab.softroce;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Two VMs, what they reach of each other, and what they notice when they no longer do. */
final class VmPairTest {
  private static final String PING = "/run/godwit/busybox ping -q -c 1 -W 2 ";
  private static final String CARRIER = "cat /sys/class/net/eth0/carrier";
  private static final String PORT = "cat /sys/class/infiniband/rxe0/ports/1/state";

  @Test
  void theyReachEachOtherUntilTheLinkIsCut() throws Exception {
    try (VmPair pair = VmPair.start(VmOptions.standard().withMemory(512).withCpus(1))) {
      SoftRoceVm first = pair.first();
      SoftRoceVm second = pair.second();

      verbsReach(first, second);

      first.cutLink();
      assertThat(Ran.in(first, PING + second.address()).status()).as("over a cut link").isOne();
      assertThat(Ran.in(second, PING + first.address()).status()).as("over a cut link").isOne();
      for (SoftRoceVm vm : new SoftRoceVm[] {first, second}) {
        assertThat(Ran.in(vm, CARRIER + ";" + PORT).out()).isEqualTo("1\n4: ACTIVE\n");
      }
      first.restoreLink();
      assertThat(Ran.in(first, "until " + PING + second.address() + "; do :; done").status())
          .as("over a restored link")
          .isZero();

      first.unplug();
      assertThat(Ran.in(first, untilPort("1: DOWN")).status()).isZero();
      assertThat(Ran.in(first, CARRIER).out()).isEqualTo("0\n");
      assertThat(Ran.in(second, CARRIER + ";" + PORT).out()).isEqualTo("1\n4: ACTIVE\n");
      first.plugIn();
      assertThat(Ran.in(first, untilPort("4: ACTIVE")).status()).isZero();
      verbsReach(second, first);
    }
  }

  private static String untilPort(String state) {
    return "until [ \"$(%s)\" = '%s' ]; do sleep 0.1; done".formatted(PORT, state);
  }

  private static void verbsReach(SoftRoceVm client, SoftRoceVm server) throws Exception {
    CompletableFuture<Integer> served =
        SoftRoceVmTest.running(
            server,
            GuestCommand.of("rping", "-s", "-C", "3", "-a", server.address()),
            SoftRoceVmTest.sink());
    Ran ran =
        Ran.in(
            client,
            "until rping -c -C 3 -v -a %s 2>/dev/null; do sleep 0.1; done"
                .formatted(server.address()));
    assertThat(ran.out()).contains("rdma-ping-2");
    assertThat(served.get(60, TimeUnit.SECONDS)).isZero();
  }
}
