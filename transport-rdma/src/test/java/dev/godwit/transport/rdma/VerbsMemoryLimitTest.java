package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Endpoint;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * An ordinary user who may lock too little memory hears so before anybody is connected to: nobody
 * listens where these dial, which they would say otherwise.
 */
@Tag("softroce")
@Timeout(value = 150, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class VerbsMemoryLimitTest {
  private static final String REMEDY = "raise the limit by 'ulimit -l unlimited'";

  /** It may read all files, since that is where the classes are; for memory this counts nothing. */
  private static List<String> ordinaryUser(int lockableKib) {
    return List.of(
        "setpriv",
        "--reuid=nobody",
        "--regid=nogroup",
        "--clear-groups",
        "--inh-caps=+dac_read_search",
        "--ambient-caps=+dac_read_search",
        "sh",
        "-c",
        "ulimit -l " + lockableKib + " && exec \"$@\"",
        "sh");
  }

  private static String refusal(int lockableKib, PeerProcess.Role role, String address)
      throws Exception {
    try (PeerProcess user =
        PeerProcess.start(
            ordinaryUser(lockableKib),
            role,
            Endpoint.parse("rdma:" + RdmaFixture.ADDRESS + address))) {
      return user.await("ended with " + ChannelException.Refused.class.getName() + ": ");
    }
  }

  @Test
  void aLimitTooLowForRingsIsRefusedAtEitherEnd() throws Exception {
    for (PeerProcess.Role role : PeerProcess.Role.values()) {
      assertThat(refusal(64, role, role == PeerProcess.Role.PUTS ? ":1" : ":0"))
          .startsWith("This process may lock 65536 bytes of memory, and a channel's rings need ")
          .contains(REMEDY);
    }
  }

  @Test
  void aLimitTooLowForTheMemoryThatIsPinnedWholeIsRefused() throws Exception {
    assertThat(refusal(1 << 10, PeerProcess.Role.PUTS, ":1?slots=4&slot=4k&pin-all=on"))
        .startsWith("This process may lock 1048576 bytes of memory, and a channel's rings and the")
        .contains(REMEDY);
  }
}
