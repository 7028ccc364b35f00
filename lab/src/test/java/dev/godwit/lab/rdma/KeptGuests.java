package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.migration.TwoQemus;
import dev.godwit.lab.stream.QemuGuest;
import dev.godwit.lab.stream.Received;
import dev.godwit.migration.qemu.MigrationState;
import dev.godwit.migration.qemu.MigrationStatus;
import dev.godwit.migration.qemu.QemuMonitor;
import dev.godwit.transport.Deadline;
import java.nio.file.Path;

/** Makes guests for the engine. */
final class KeptGuests {
  private KeptGuests() {}

  /** One that is laid out as a QEMU's, which saves it to see how that is and goes on. */
  static QemuGuest like(QemuMonitor source, Path file) throws Exception {
    source.migrate("exec:cat > " + file, TwoQemus.soon());
    assertThat(awaitEnd(source).state()).isEqualTo(MigrationState.COMPLETED);
    try (Received received = Received.ofFile(file)) {
      return new QemuGuest(received.image());
    } finally {
      source.cont(TwoQemus.soon());
    }
  }

  /** Waits until that QEMU says that its migration is over. */
  static MigrationStatus awaitEnd(QemuMonitor monitor) throws Exception {
    return monitor.awaitMigration(
        MigrationStatus::isFinal, TwoQemus.PATIENCE, Deadline.after(TwoQemus.PATIENCE));
  }
}
