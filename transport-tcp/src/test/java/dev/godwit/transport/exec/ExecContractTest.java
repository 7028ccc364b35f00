package dev.godwit.transport.exec;

import dev.godwit.transport.contract.Fixture;
import dev.godwit.transport.contract.LifecycleContract;
import dev.godwit.transport.contract.PlacementContract;
import dev.godwit.transport.contract.TransportContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Nested;

/**
 * Without the layers: a fault that cuts at once kills a command that has not opened its pipe yet,
 * and the command at the other end waits for it, as commands do.
 */
final class ExecContractTest {
  @Nested
  final class Bytes extends TransportContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new ExecFixture(scratch);
    }
  }

  @Nested
  final class Placed extends PlacementContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new ExecFixture(scratch);
    }
  }

  @Nested
  final class Lifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new ExecFixture(scratch);
    }
  }
}
