package dev.godwit.transport.tls;

import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Layer;
import dev.godwit.transport.contract.Fixture;
import dev.godwit.transport.contract.LayerContract;
import dev.godwit.transport.contract.LifecycleContract;
import dev.godwit.transport.contract.PlacementContract;
import dev.godwit.transport.contract.TransportContract;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Nested;

/** {@code tls:} with certificates and the usual engine. */
final class TlsContractTest {
  private static Fixture x509(Path scratch) {
    return new TlsFixture(new Beneath.Tcp(), TestUris.x509(scratch, ""));
  }

  @Nested
  final class Bytes extends TransportContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return x509(scratch);
    }
  }

  @Nested
  final class Placed extends PlacementContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return x509(scratch);
    }
  }

  @Nested
  final class Lifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return x509(scratch);
    }
  }

  @Nested
  final class Layers extends LayerContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return x509(scratch);
    }

    @Override
    protected List<ProtectingLayer> protectingLayers() throws Exception {
      Endpoint secured = fixture().address();
      return List.of(
          new ProtectingLayer(
              wrapping(secured, Layer.Side.DIALLING), wrapping(secured, Layer.Side.ACCEPTING)));
    }

    private static Layer.Wrapping wrapping(Endpoint secured, Layer.Side side) {
      return new TlsLayer().configure(new Layer.Naming(secured, side, ""));
    }
  }
}
