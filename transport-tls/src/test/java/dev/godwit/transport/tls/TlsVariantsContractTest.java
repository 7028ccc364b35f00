package dev.godwit.transport.tls;

import dev.godwit.transport.contract.Fixture;
import dev.godwit.transport.contract.LifecycleContract;
import dev.godwit.transport.contract.PlacementContract;
import dev.godwit.transport.contract.TransportContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Nested;

/** Every engine and every provider beneath, each under the contract that can tell it apart. */
final class TlsVariantsContractTest {
  private static Fixture tcp(String settings) {
    return new TlsFixture(new Beneath.Tcp(), settings);
  }

  @Nested
  final class JsseBytes extends TransportContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return tcp(TestUris.x509(scratch, "jsse"));
    }
  }

  @Nested
  final class JsseLifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return tcp(TestUris.x509(scratch, "jsse"));
    }
  }

  @Nested
  final class PskBytes extends TransportContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return tcp(TestUris.psk(scratch));
    }
  }

  @Nested
  final class PskLifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return tcp(TestUris.psk(scratch));
    }
  }

  @Nested
  final class AnonLifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return tcp(TestUris.anon());
    }
  }

  @Nested
  final class UnixPlaced extends PlacementContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new TlsFixture(new Beneath.Unix(scratch), TestUris.x509(scratch, ""));
    }
  }

  @Nested
  final class UnixLifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new TlsFixture(new Beneath.Unix(scratch), TestUris.x509(scratch, ""));
    }
  }

  @Nested
  final class MemoryLifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new TlsFixture(new Beneath.Memory(), TestUris.psk(scratch));
    }
  }

  @Nested
  final class DescriptorLifecycle extends LifecycleContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new TlsFixture(new Beneath.Descriptors(), TestUris.psk(scratch));
    }
  }

  @Nested
  final class ExecPlaced extends PlacementContract {
    @Override
    protected Fixture newFixture(Path scratch) {
      return new TlsFixture(new Beneath.Exec(scratch), TestUris.x509(scratch, ""));
    }
  }
}
