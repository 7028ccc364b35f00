package dev.godwit.lab.softroce;

import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.time.Duration;

/** How a command in a VM has ended, and what it wrote. */
record Ran(int status, String out, String err) {
  private static final Duration PATIENCE = Duration.ofSeconds(90);

  static Ran in(SoftRoceVm vm, GuestCommand command) throws IOException, InterruptedException {
    GuestOutput out = new GuestOutput();
    GuestOutput err = new GuestOutput();
    int status = vm.run(command, out, err, Deadline.after(PATIENCE));
    return new Ran(status, out.text(), err.text());
  }

  static Ran in(SoftRoceVm vm, String lines) throws IOException, InterruptedException {
    return in(vm, GuestCommand.shell(lines));
  }
}
