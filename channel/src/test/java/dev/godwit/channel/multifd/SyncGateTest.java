package dev.godwit.channel.multifd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.testkit.Task;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class SyncGateTest {

  /** Damage may look like a SYNC behind the last one; its channel must still end. */
  @Test
  void aSyncAfterTheEndWaitsForNobody() throws Exception {
    SyncGate gate = new SyncGate(1);
    assertThat(gate.connect(0)).isTrue();
    gate.finish();

    Task<Boolean> late =
        Task.start(
            "late",
            () -> {
              gate.arrive(0);
              return true;
            });

    assertThat(late.result()).isTrue();
  }
}
