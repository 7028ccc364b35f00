package dev.godwit.channel.session;

import dev.godwit.transport.contract.Fixture;
import dev.godwit.transport.contract.LayerContract;
import dev.godwit.transport.contract.LifecycleContract;
import dev.godwit.transport.contract.PlacementContract;
import dev.godwit.transport.contract.TransportContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Nested;

/** The streams of a session are channels as any other. */
final class SessionContractTest {
  @Nested
  final class Bytes extends TransportContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new SessionFixture();
    }
  }

  @Nested
  final class Placed extends PlacementContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new SessionFixture();
    }
  }

  @Nested
  final class Lifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new SessionFixture();
    }
  }

  @Nested
  final class Layers extends LayerContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new SessionFixture();
    }
  }
}
