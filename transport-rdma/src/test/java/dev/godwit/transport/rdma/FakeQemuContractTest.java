package dev.godwit.transport.rdma;

import dev.godwit.transport.contract.Fixture;
import dev.godwit.transport.contract.LifecycleContract;
import dev.godwit.transport.contract.TransportContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Nested;

/** QEMU's dialect at both ends, held to the contracts; {@link QemuRoundsTest} holds its rounds. */
final class FakeQemuContractTest {
  @Nested
  final class Bytes extends TransportContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new FakeQemuFixture(true);
    }
  }

  @Nested
  final class BytesOneWay extends TransportContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new FakeQemuFixture(false);
    }
  }

  @Nested
  final class Lifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new FakeQemuFixture(true);
    }
  }

  @Nested
  final class LifecycleOneWay extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new FakeQemuFixture(false);
    }
  }
}
