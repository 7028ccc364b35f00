package dev.godwit.lab.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.RegistrationStats;
import dev.godwit.transport.Transports;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("softroce")
final class DemoOverRdmaTest {
  private static final long RAM_BYTES = 16 << 20;

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(ints = {0, 2})
  void aGuestArrivesWholeAndWhatWasRegisteredIsTold(int channels) throws Exception {
    try (Demo demo = new Demo(Transports.load(), RAM_BYTES, 2, directory)) {
      Leg leg = new Leg("rdma", channels);
      assertThat(demo.legs()).contains(leg);

      LegOutcome outcome = demo.run(leg, (l, migration) -> () -> {});

      assertThat(outcome).isInstanceOf(LegOutcome.Moved.class);
      assertThat(outcome.isFine()).as("%s", outcome).isTrue();
      RegistrationStats registered = ((LegOutcome.Moved) outcome).registered();
      assertThat(registered.registrations()).isPositive();
      assertThat(registered.nanos()).isPositive();
      assertThat(registered.mostBytes()).isBetween(1L << 20, 2 * RAM_BYTES);
    }
  }
}
