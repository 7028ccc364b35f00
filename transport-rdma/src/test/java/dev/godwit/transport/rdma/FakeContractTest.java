package dev.godwit.transport.rdma;

import dev.godwit.transport.contract.Fixture;
import dev.godwit.transport.contract.LayerContract;
import dev.godwit.transport.contract.LifecycleContract;
import dev.godwit.transport.contract.PlacementContract;
import dev.godwit.transport.contract.TransportContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Nested;

/** All but verbs, held to the contracts on any host: on demand, under a low ceiling. */
final class FakeContractTest {
  private static final String SETTINGS = "slots=8&slot=8k&max-registered=8M&liveness=2s";

  @Nested
  final class Bytes extends TransportContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new FakeFixture(SETTINGS);
    }
  }

  @Nested
  final class Placed extends PlacementContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new FakeFixture(SETTINGS);
    }
  }

  @Nested
  final class PlacedInPinnedMemory extends PlacementContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new FakeFixture("pin-all=on&pin-chunk=1M&slots=4&slot=4k&writes=2");
    }
  }

  @Nested
  final class Lifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new FakeFixture(SETTINGS);
    }
  }

  @Nested
  final class Layers extends LayerContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new FakeFixture(SETTINGS);
    }
  }
}
