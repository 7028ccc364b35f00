package dev.godwit.migration.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.testkit.ArrayChannel;
import org.junit.jupiter.api.Test;

final class DeclaredDeviceTest {
  private static byte[] save(DeclaredDevice<?> device) throws Exception {
    ArrayChannel sink = ArrayChannel.sink();
    try (StreamOutput out = new StreamOutput(sink)) {
      StateDescription description = device.save(out);
      out.flush();
      assertThat(description.version()).isEqualTo(device.version());
      assertThat(description.bodyBytes()).isEqualTo(sink.written().length);
      return sink.written();
    }
  }

  private static void load(DeclaredDevice<?> device, byte[] bytes, long version) throws Exception {
    try (StreamInput in = new StreamInput(ArrayChannel.of(bytes), "main")) {
      device.load(in, version);
      assertThat(in.offset()).isEqualTo(bytes.length);
    }
  }

  @Test
  void movesItsState() throws Exception {
    DeclaredDevice<Clock> source = DeclaredDevice.of("isa/clock", 3, Clock.FORMAT, Clock.known());
    Clock arrived = new Clock();
    DeclaredDevice<Clock> destination = DeclaredDevice.of("isa/clock", 3, Clock.FORMAT, arrived);
    load(destination, save(source), source.version());
    assertThat(arrived).usingRecursiveComparison().isEqualTo(Clock.known());
    assertThat(source.name()).isEqualTo("isa/clock");
    assertThat(source.instance()).isEqualTo(3);
    assertThat(source.version()).isEqualTo(2);
  }

  @Test
  void isThatOfAnOlderMachine() throws Exception {
    DeclaredDevice<Clock> now = DeclaredDevice.of("c", 0, Clock.FORMAT, Clock.known());
    DeclaredDevice<Clock> old = DeclaredDevice.of("c", 0, Clock.FORMAT, new Clock()).at(1);
    assertThat(old.version()).isEqualTo(1);
    load(old, save(now.at(1)), 1);
    byte[] second = save(now);
    assertThatThrownBy(() -> load(old, second, 2))
        .isInstanceOf(StreamException.class)
        .hasMessageContaining("Device c has version 2, and this side reads up to 1");
    assertThatThrownBy(() -> now.at(0)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void refusesNamesThatTheWireCannotCarry() {
    assertThatThrownBy(() -> DeclaredDevice.of("", 0, Clock.FORMAT, new Clock()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> DeclaredDevice.of("x".repeat(256), 0, Clock.FORMAT, new Clock()))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
