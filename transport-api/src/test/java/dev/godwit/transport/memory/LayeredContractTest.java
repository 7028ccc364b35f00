package dev.godwit.transport.memory;

import dev.godwit.transport.Placement;
import dev.godwit.transport.Settings;
import dev.godwit.transport.contract.Fixture;
import dev.godwit.transport.contract.LifecycleContract;
import dev.godwit.transport.contract.PlacementContract;
import dev.godwit.transport.contract.TransportContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Nested;

/** All that holds for a provider holds with layers above it. */
final class LayeredContractTest {
  private static Fixture layered(Placement placement, Path scratch) {
    return new LayeredFixture(
        placement,
        Settings.none()
            .with("throttle", "2G")
            .with("fault", "short:1")
            .with("tap", scratch.resolve("tap").toString())
            .with("fault", "flip:1T"));
  }

  @Nested
  final class InlineBytes extends TransportContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return layered(Placement.INLINE, scratch);
    }
  }

  @Nested
  final class InlinePlaced extends PlacementContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return layered(Placement.INLINE, scratch);
    }
  }

  @Nested
  final class InlineLifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return layered(Placement.INLINE, scratch);
    }
  }

  @Nested
  final class DirectBytes extends TransportContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return layered(Placement.RECORDED, scratch);
    }
  }

  @Nested
  final class DirectPlaced extends PlacementContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return layered(Placement.RECORDED, scratch);
    }
  }

  @Nested
  final class DirectLifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return layered(Placement.RECORDED, scratch);
    }
  }
}
