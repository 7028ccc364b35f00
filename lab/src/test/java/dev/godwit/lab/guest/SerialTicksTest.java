package dev.godwit.lab.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.lab.guest.SerialTicks.BrokenSequence;
import dev.godwit.lab.guest.SerialTicks.Unreadable;
import dev.godwit.lab.guest.SerialTicks.WrongMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SerialTicksTest {
  @TempDir private Path directory;

  @Test
  void ticksCountFromOneWithoutAGap() {
    assertThat(SerialTicks.parse("T 00000001\nT 00000002\nT 00000003\n"))
        .isEqualTo(new SerialTicks(3, Optional.empty()));
    assertThat(SerialTicks.parse("")).isEqualTo(new SerialTicks(0, Optional.empty()));
  }

  @Test
  void aLineStillBeingWrittenIsLeftOut() {
    assertThat(SerialTicks.parse("T 00000001\nT 000000"))
        .isEqualTo(new SerialTicks(1, Optional.empty()));
    assertThat(SerialTicks.parse("T 00000001\nF 0020"))
        .isEqualTo(new SerialTicks(1, Optional.empty()));
  }

  @Test
  void aTickMayBeginInOneLogAndEndInTheNext() throws IOException {
    Path source = Files.writeString(directory.resolve("source"), "T 00000001\nT 0000");
    Path destination = Files.writeString(directory.resolve("destination"), "0002\nT 00000003\n");

    assertThat(SerialTicks.read(source, destination))
        .isEqualTo(new SerialTicks(3, Optional.empty()));
    assertThat(SerialTicks.read(source, directory.resolve("not yet there")).last()).isEqualTo(1);
  }

  @Test
  void aRepeatedTickIsFound() {
    SerialTicks ticks = SerialTicks.parse("T 00000001\nT 00000002\nT 00000002\n");

    assertThat(ticks).isEqualTo(new SerialTicks(2, Optional.of(new BrokenSequence(2, 2))));
    assertThat(ticks.finding().orElseThrow().sentence())
        .isEqualTo("The guest went back from tick 2 to tick 2");
  }

  @Test
  void aGuestThatStartedAnewIsFound() {
    assertThat(SerialTicks.parse("T 00000001\nT 00000002\nT 00000001\n").finding())
        .contains(new BrokenSequence(2, 1));
  }

  @Test
  void aLostTickIsFound() {
    SerialTicks ticks = SerialTicks.parse("T 00000001\nT 00000003\n");

    assertThat(ticks.finding()).contains(new BrokenSequence(1, 3));
    assertThat(ticks.finding().orElseThrow().sentence())
        .isEqualTo("The guest's ticks jump from 1 to 3");
  }

  @Test
  void ticksGoThroughTheSignBit() {
    assertThat(SerialTicks.parse("T 80000000\n").finding())
        .contains(new BrokenSequence(0, 0x8000_0000L));
  }

  @Test
  void wrongMemoryIsFoundWithItsPage() {
    SerialTicks ticks = SerialTicks.parse("T 00000001\nF 00212004 0000082A 8000002A\n");

    assertThat(ticks.finding()).contains(new WrongMemory(1, 0x212004, 0x82A, 0x8000_002AL));
    assertThat(((WrongMemory) ticks.finding().orElseThrow()).page()).isEqualTo(0x212);
    assertThat(ticks.finding().orElseThrow().sentence())
        .isEqualTo(
            "After tick 1 the guest found 0x8000002A instead of 0x0000082A at address 0x00212004 (page 0x212)");
  }

  @Test
  void aLineThatTheGuestNeverSaysIsFound() {
    assertThat(SerialTicks.parse("T 00000001\nT 0000000\u0007\n").finding())
        .contains(new Unreadable(1, "T 0000000?"));
    assertThat(SerialTicks.parse("\n").finding()).contains(new Unreadable(0, ""));
    assertThat(SerialTicks.parse("T 00000001\nT 00000002 \n").finding().orElseThrow().sentence())
        .isEqualTo("After tick 1 the serial log says \"T 00000002 \"");
  }

  @Test
  void awaitReturnsAtOnceWhenSomethingIsWrong() throws Exception {
    Path log = Files.writeString(directory.resolve("log"), "T 00000001\nT 00000001\n");

    assertThat(SerialTicks.await(100, Duration.ofMinutes(1), log).finding())
        .contains(new BrokenSequence(1, 1));
    assertThat(SerialTicks.awaitFinding(Duration.ofMinutes(1), log).finding())
        .contains(new BrokenSequence(1, 1));
  }

  @Test
  void awaitSaysWhereAGuestStopped() throws IOException {
    Path log = Files.writeString(directory.resolve("log"), "T 00000001\n");

    assertThatThrownBy(() -> SerialTicks.await(2, Duration.ofMillis(20), log))
        .isInstanceOf(TimeoutException.class)
        .hasMessage("The guest is at tick 1 and did not reach tick 2 within 20 ms");
  }
}
