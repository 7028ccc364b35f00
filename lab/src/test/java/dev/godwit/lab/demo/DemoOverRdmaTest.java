package dev.godwit.lab.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.cli.GodwitProgram;
import dev.godwit.transport.RegistrationStats;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Seed;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("softroce")
final class DemoOverRdmaTest {
  private static final Seed SEED = Seed.of("DemoOverRdmaTest");
  private static final long RAM_BYTES = 16 << 20;

  /** An emulated processor that is shared with the guest does not get faster than it. */
  private static final int DOWNTIME_LIMIT_MILLIS = 5_000;

  @TempDir private Path directory;

  /** Without multifd and with it, or one of them. */
  static IntStream channels() {
    return Boolean.getBoolean("godwit.full")
        ? IntStream.of(0, 2)
        : IntStream.of(SEED.random().nextBoolean() ? 0 : 2);
  }

  @ParameterizedTest
  @MethodSource("channels")
  void aGuestArrivesWholeAndWhatWasRegisteredIsTold(int channels) throws Exception {
    OwnCommand own = new OwnCommand(GodwitProgram.command(256));
    try (Demo demo =
        new Demo(Transports.load(), RAM_BYTES, 2, directory, DOWNTIME_LIMIT_MILLIS, own)) {
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
