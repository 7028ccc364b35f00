package dev.godwit.transport.memory;

import dev.godwit.transport.Placement;
import dev.godwit.transport.contract.Fixture;
import dev.godwit.transport.contract.LayerContract;
import dev.godwit.transport.contract.LifecycleContract;
import dev.godwit.transport.contract.PlacementContract;
import dev.godwit.transport.contract.TransportContract;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Nested;

final class DirectContractTest {
  @Nested
  final class Bytes extends TransportContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new MemoryFixture(Placement.RECORDED);
    }
  }

  @Nested
  final class Placed extends PlacementContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new MemoryFixture(Placement.RECORDED);
    }
  }

  @Nested
  final class Lifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new MemoryFixture(Placement.RECORDED);
    }
  }

  @Nested
  final class Layers extends LayerContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new MemoryFixture(Placement.RECORDED);
    }

    @Override
    protected List<ProtectingLayer> protectingLayers() {
      return List.of(
          new ProtectingLayer(
              (inner, deadline) -> new MaskingChannel(inner),
              (inner, deadline) -> new MaskingChannel(inner)));
    }
  }
}
