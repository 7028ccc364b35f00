package dev.godwit.transport.rdma;

import dev.godwit.transport.contract.Fixture;
import dev.godwit.transport.contract.LayerContract;
import dev.godwit.transport.contract.LifecycleContract;
import dev.godwit.transport.contract.PlacementContract;
import dev.godwit.transport.contract.TransportContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** {@code rdma:} on a device, on demand under a low ceiling, and with all memory pinned. */
@Tag("softroce")
final class RdmaContractTest {
  private static final String SETTINGS = "slots=8&slot=8k&max-registered=16M";

  @Nested
  final class Bytes extends TransportContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new RdmaFixture(SETTINGS);
    }
  }

  @Nested
  final class Placed extends PlacementContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new RdmaFixture(SETTINGS);
    }
  }

  @Nested
  final class PlacedInPinnedMemory extends PlacementContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new RdmaFixture(
          "pin-all=on&pin-chunk=1M&max-registered=256M&slots=4&slot=4k&writes=2");
    }
  }

  @Nested
  final class Lifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new RdmaFixture(SETTINGS);
    }
  }

  @Nested
  final class Layers extends LayerContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new RdmaFixture(SETTINGS);
    }
  }
}
