package dev.godwit.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.migration.qemu.RamProgress;
import java.time.Duration;
import java.util.Arrays;

/** The commands as tests give them to {@link TwoQemus}. */
public final class Commands {
  private Commands() {}

  public static GodwitProcess receive(TwoQemus qemus, String uri, String... more) throws Exception {
    return GodwitProcess.start(
        concat(new String[] {"receive", "--qmp", qemus.destination().qmp().toString(), uri}, more));
  }

  public static GodwitProcess send(TwoQemus qemus, GodwitProcess receive, String... more)
      throws Exception {
    return send(qemus, receive.awaitListening().toString(), more);
  }

  public static GodwitProcess send(TwoQemus qemus, String uri, String... more) throws Exception {
    return GodwitProcess.start(
        concat(new String[] {"send", "--qmp", qemus.source().qmp().toString(), uri}, more));
  }

  /** The first megabytes have left, and the end is far. */
  public static void awaitMidFlight(QemuMonitor source) throws Exception {
    MigrationStatus status =
        source.awaitMigration(
            s ->
                s.isFinal()
                    || (s.state() == MigrationState.ACTIVE
                        && s.ram().map(RamProgress::transferredBytes).orElse(0L) > 1 << 20),
            Duration.ofSeconds(15),
            TwoQemus.soon());
    assertThat(status.state()).as("%s", status).isEqualTo(MigrationState.ACTIVE);
  }

  private static String[] concat(String[] first, String[] more) {
    String[] all = Arrays.copyOf(first, first.length + more.length);
    System.arraycopy(more, 0, all, first.length, more.length);
    return all;
  }
}
