package dev.godwit.lab.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.lab.guest.BootSector.Fill;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(120)
final class QemuTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final BootSector GUEST = BootSector.of(32, 8);

  @TempDir private Path directory;

  @ParameterizedTest
  @EnumSource
  void aGuestBootsAndTicksAndItsMemoryStaysRight(QemuVersion version) throws Exception {
    try (var qemu = Qemu.start(QemuBinary.require(version), QemuMachine.of(GUEST), directory)) {
      SerialTicks ticks = SerialTicks.await(2L * GUEST.ticksToCheckAll(), LIMIT, qemu.serialLog());

      assertThat(ticks.finding()).isEmpty();
      assertThat(qemu.alive()).isTrue();
      assertThat(qemu.output()).isEmpty();
    }
  }

  /** The whole of memory as the guest keeps it: working set, table, and what is above. */
  @ParameterizedTest
  @EnumSource(Fill.class)
  void memoryHoldsWhatTheGuestSays(Fill fill) throws Exception {
    BootSector guest = BootSector.of(16, 4).filled(fill);
    try (var qemu =
            Qemu.start(QemuBinary.require(QemuVersion.V10_0), QemuMachine.of(guest), directory);
        var qmp = new TestQmp(qemu.qmp())) {
      SerialTicks.await(1, LIMIT, qemu.serialLog());
      qmp.execute("stop");
      Memory memory = Memory.save(qmp, directory, guest);

      // The sequence numbers are a rotation of a run of successive ones, and the table says the
      // same; stopping
      // amid a write leaves one page between two numbers.
      long least = Long.MAX_VALUE;
      int torn = 0;
      for (int page = 0; page < guest.pages(); page++) {
        int first = memory.word(guest.workingSetFrom() + (long) page * BootSector.PAGE_BYTES);
        least = Math.min(least, Integer.toUnsignedLong(first));
        boolean whole = memory.word(BootSectorListing.TABLE + 4L * page) == first;
        for (int word = 0; word < BootSector.PAGE_BYTES / 4; word++) {
          long address = guest.workingSetFrom() + (long) page * BootSector.PAGE_BYTES + 4L * word;
          whole &= memory.word(address) == first + word * BootSectorListing.STEP;
        }
        torn += whole ? 0 : 1;
      }
      assertThat(torn).isLessThanOrEqualTo(1);
      assertThat(least).isPositive();

      long zeroWords = 0;
      for (long address = guest.workingSetTo(); address < memory.size(); address += 4) {
        zeroWords += memory.word(address) == 0 ? 1 : 0;
      }
      long words = (memory.size() - guest.workingSetTo()) / 4;
      // Without a filling only the BIOS has been there, with one at most chance makes a zero.
      assertThat(fill == Fill.RANDOM ? zeroWords : words - zeroWords)
          .isLessThan(fill == Fill.RANDOM ? 10 : words / 8);
    }
  }

  @Test
  void aPausedMachineSaysNothing() throws Exception {
    try (var qemu =
            Qemu.start(
                QemuBinary.require(QemuVersion.V10_0), QemuMachine.of(GUEST).paused(), directory);
        var qmp = new TestQmp(qemu.qmp())) {
      assertThat(qmp.execute("query-status")).contains("\"status\": \"prelaunch\"");
      qmp.execute("cont");

      assertThat(SerialTicks.await(1, LIMIT, qemu.serialLog()).finding()).isEmpty();
    }
  }

  @Test
  void aDestinationWaitsAndServesTwoMonitors() throws Exception {
    try (var qemu =
            Qemu.start(
                QemuBinary.require(QemuVersion.V7_2), QemuMachine.of(GUEST).incoming(), directory);
        var qmp = new TestQmp(qemu.qmp());
        var observer = new TestQmp(qemu.observer())) {
      assertThat(qmp.execute("query-status")).contains("\"status\": \"inmigrate\"");
      assertThat(observer.execute("query-status")).contains("\"status\": \"inmigrate\"");
    }
  }

  @Test
  void closingLeavesNoProcessAndNoSocketButTheEvidence() throws Exception {
    var qemu = Qemu.start(QemuBinary.require(QemuVersion.V10_0), QemuMachine.of(GUEST), directory);
    ProcessHandle process = ProcessHandle.of(qemu.pid()).orElseThrow();
    assertThat(process.info().command().orElseThrow()).endsWith("qemu-system-x86_64");

    qemu.close();
    qemu.close();

    assertThat(process.isAlive()).isFalse();
    assertThat(qemu.exitStatus()).hasValue(128 + 9);
    assertThat(qemu.qmp()).doesNotExist();
    assertThat(qemu.observer()).doesNotExist();
    assertThat(qemu.serialLog()).exists();
    assertThat(directory.resolve("output.txt")).exists();
  }

  @Test
  void aQemuThatRefusesItsArgumentsSaysWhy() {
    assertThatThrownBy(
            () ->
                Qemu.start(
                    QemuBinary.require(QemuVersion.V7_2),
                    QemuMachine.of(GUEST).ofType("pc-of-tomorrow"),
                    directory))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("QEMU 7.2 ended at once with status 1: ")
        .hasMessageContaining("machine type");
    assertThat(directory.resolve("qmp.sock")).doesNotExist();
  }

  @Test
  void aDirectoryTooDeepForASocketIsRefused() {
    Path deep = directory.resolve("d".repeat(100));

    assertThatThrownBy(
            () -> Qemu.start(QemuBinary.require(QemuVersion.V7_2), QemuMachine.of(GUEST), deep))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("the limit is 107");
  }

  @Test
  void anAbsentQemuHasACause() throws IOException {
    Path other =
        Files.writeString(
            directory.resolve("other"), "#!/bin/sh\necho QEMU emulator version 9.1.0\n");
    Files.setPosixFilePermissions(other, PosixFilePermissions.fromString("rwxr-xr-x"));

    assertThat(QemuBinary.find(QemuVersion.V10_0, Map.of("GODWIT_CACHE", directory.toString())))
        .isEqualTo(
            new QemuBinary.Absent(
                QemuVersion.V10_0,
                "QEMU 10.0 is not at "
                    + directory
                    + "/qemu-10.0/qemu-system-x86_64; lab/qemu/install puts it there"));
    assertThat(QemuBinary.find(QemuVersion.V7_2, Map.of("GODWIT_QEMU_7_2", other.toString())))
        .isEqualTo(
            new QemuBinary.Absent(
                QemuVersion.V7_2,
                other + " is not QEMU 7.2 but says \"QEMU emulator version 9.1.0\""));
    assertThat(QemuBinary.find(QemuVersion.V10_0, Map.of("XDG_CACHE_HOME", "/nowhere")))
        .extracting(found -> ((QemuBinary.Absent) found).cause())
        .asString()
        .contains("/nowhere/godwit/qemu-10.0/");
  }
}
