package dev.godwit.lab.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.migration.engine.MigrationStatistics;
import dev.godwit.transport.RegistrationStats;
import org.junit.jupiter.api.Test;

final class DemoReportTest {
  private static final Leg PLAIN = new Leg("tcp", 0);
  private static final Leg MULTIFD = new Leg("tcp", 2);

  private static LegOutcome moved(boolean sound) {
    return moved(sound, RegistrationStats.none());
  }

  private static LegOutcome moved(boolean sound, RegistrationStats registered) {
    return new LegOutcome.Moved(
        MigrationStatistics.none(1 << 20),
        1,
        registered,
        new GuestProof(sound, 1, "It is so", 0.01));
  }

  @Test
  void aWayThatThisHostCannotGoIsNoFailure() {
    DemoReport report = new DemoReport(1 << 20);
    report.add(PLAIN, moved(true));
    report.add(MULTIFD, new LegOutcome.NotHere("There is no such device"));

    assertThat(report.isFine()).isTrue();
  }

  @Test
  void aGuestThatDidNotArriveOrIsDamagedIsOne() {
    DemoReport failed = new DemoReport(1 << 20);
    failed.add(PLAIN, new LegOutcome.Failed("Nobody listens"));
    assertThat(failed.isFine()).isFalse();
    assertThat(failed.lines()).last().asString().contains("tcp: plain: Nobody listens");

    DemoReport damaged = new DemoReport(1 << 20);
    damaged.add(PLAIN, moved(true));
    damaged.add(MULTIFD, moved(false));
    assertThat(damaged.isFine()).isFalse();
    assertThat(damaged.lines()).anyMatch(line -> line.endsWith("DAMAGED"));
    assertThat(damaged.lines()).last().asString().contains("tcp: multifd 2: It is so");
  }

  @Test
  void aTransportThatIsNotHereIsNamedOnce() {
    DemoReport report = new DemoReport(1 << 20);
    report.add(PLAIN, new LegOutcome.NotHere("There is no such device"));
    report.add(MULTIFD, new LegOutcome.NotHere("There is no such device"));

    assertThat(report.lines())
        .filteredOn(line -> line.contains("no such device"))
        .containsExactly("tcp: There is no such device");
  }

  @Test
  void whatWasRegisteredIsToldWhereAnythingWas() {
    DemoReport report = new DemoReport(1 << 20);
    report.add(PLAIN, moved(true));
    report.add(MULTIFD, moved(true, new RegistrationStats(12, 250_000_000, 16 << 20)));

    assertThat(report.registrations())
        .containsExactly(
            "tcp: multifd 2: 12 registrations took 0.250 s, with 16,777,216 bytes pinned at most");
  }
}
