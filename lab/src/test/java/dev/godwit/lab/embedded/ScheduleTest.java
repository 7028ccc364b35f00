package dev.godwit.lab.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.testkit.Seed;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class ScheduleTest {
  private final Seed seed = Seed.of("ScheduleTest");

  @ParameterizedTest
  @EnumSource(DirtyShape.class)
  void theJournalKnowsWhatTheWalkHasDone(DirtyShape shape) {
    Random random = seed.random();
    LabSpec spec = LabSpec.of(1 << 20, shape, 0).withSeed(seed.value());
    int frames = 40 + random.nextInt(60);
    Schedule schedule = new Schedule(spec, 1, frames);
    long[] lastTo = new long[(int) schedule.recordFrames() * Layout.RECORDS_A_FRAME];
    long[] filled = new long[frames];
    Schedule.Walk walk = schedule.walk(0);
    long end = 20_000L + random.nextInt(1_000);
    for (long n = 1; n <= end; n++) {
      assertThat(walk.next()).isEqualTo(n);
      if (walk.isOfFrame()) {
        filled[(int) walk.frame()] = walk.isFilling() ? n : 0;
      } else {
        lastTo[(int) walk.frame() * Layout.RECORDS_A_FRAME + walk.record()] = n;
      }
      if (n == end || random.nextInt(2_000) == 0) {
        check(schedule, n, lastTo, filled);
        walk = schedule.walk(n);
      }
    }
  }

  private void check(Schedule schedule, long writes, long[] lastTo, long[] filled) {
    Schedule.Journal journal = schedule.journal(writes);
    for (int record = 0; record < lastTo.length; record++) {
      assertThat(journal.lastToRecord(record))
          .as("last of %d writes to record %d, seed %s", writes, record, seed)
          .isEqualTo(lastTo[record]);
    }
    for (int frame = (int) schedule.recordFrames(); frame < filled.length; frame++) {
      assertThat(journal.lastToErased(frame))
          .as("last of %d writes to frame %d, seed %s", writes, frame, seed)
          .isEqualTo(filled[frame]);
    }
  }

  @ParameterizedTest
  @EnumSource(DirtyShape.class)
  void eachFrameHasOneOwnerOrNone(DirtyShape shape) {
    Random random = seed.random(shape.name().length());
    LabSpec spec =
        LabSpec.of(8 << 20, shape, 0)
            .withHuge(4 << 20)
            .withVcpus(1 + random.nextInt(5))
            .withZeroPercent(random.nextInt(90));
    Layout layout = new Layout(spec);
    long owned = 0;
    for (long frame = 0; frame < layout.frames(); frame++) {
      long used = layout.used(frame);
      if (used != Layout.UNUSED) {
        assertThat(used).as("%s, seed %s", spec, seed).isEqualTo(owned);
        assertThat(layout.frame(layout.owner(used), layout.local(used))).isEqualTo(frame);
        owned++;
      }
    }
    assertThat(owned).isEqualTo(layout.framesOfVcpu() * spec.vcpus());
  }
}
