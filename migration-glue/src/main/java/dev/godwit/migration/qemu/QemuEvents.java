package dev.godwit.migration.qemu;

import dev.godwit.migration.qmp.QmpEvents;
import dev.godwit.migration.qmp.QmpException;
import dev.godwit.transport.Deadline;
import java.util.Optional;

/** The events of one QEMU from the moment of {@link QemuMonitor#events}, in its order. */
public final class QemuEvents implements AutoCloseable {
  private final QmpEvents events;

  QemuEvents(QmpEvents events) {
    this.events = events;
  }

  /**
   * Takes the next event, or returns empty when the deadline passes first.
   *
   * @throws QmpException the reason why the connection ended, once every event before was taken
   */
  public Optional<QemuEvent> next(Deadline deadline) throws QmpException {
    return events.next(deadline).map(QemuEvent::of);
  }

  /** How many events went unseen because nobody took them in time. */
  public long lost() {
    return events.lost();
  }

  /** Ends the subscription; the connection lives on. */
  @Override
  public void close() {
    events.close();
  }
}
